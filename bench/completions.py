"""Measure completions: what going through a server adds to using the provider's SDK yourself.

`python bench/completions.py WAY URL WHAT NUMBER …` runs in the environment of a peer and prints JSON. It imports nothing of
this project except what it measures. WAY is how to ask, and WHAT is `latency`, `throughput`, `first` or `first_text`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

PROMPT = "Hello there."
KEY = "sk-made-up"
REQUEST = {"model": "gpt-x", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 64}
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def asker(way: str, url: str):
    """Return a function that asks once and returns the text, and one that yields the pieces of a stream, or None."""
    if way in ("sdk", "sdk, whole"):
        from openai import OpenAI

        create = OpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0).chat.completions.create

        def ask():
            if way == "sdk, whole":
                return create(**REQUEST).choices[0].message.content
            return "".join(pieces())

        def pieces():
            for chunk in create(**REQUEST, **STREAMED):
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content

        return ask, pieces
    if way == "mcp-models":
        from mcp_models.client import OpenAIMCPModel

        model = OpenAIMCPModel("gpt-x", env={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{url}/v1"})
        return lambda: model.call(PROMPT, max_tokens=64)["output"], lambda: model.stream(PROMPT, max_tokens=64)
    if way == "litellm":
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        import litellm

        options = {**REQUEST, "model": "openai/gpt-x", "api_key": KEY, "api_base": f"{url}/v1"}
        return lambda: litellm.completion(**options).choices[0].message.content, None
    if way == "any-llm":
        from any_llm import AnyLLM

        llm = AnyLLM.create(
            "openai", api_key=KEY, api_base=f"{url}/v1"
        )  # not its function `completion`, which makes a client for each call
        return lambda: llm.completion(**REQUEST).choices[0].message.content, None
    if way == "llm":
        from llm.default_plugins.openai_models import Chat

        model = Chat("gpt-x", model_name="gpt-x", api_base=f"{url}/v1")
        return lambda: model.prompt(PROMPT, stream=False, key=KEY).text(), None
    raise ValueError(way)


def latency(way: str, url: str, calls: int) -> list[float]:
    """Return the seconds that each call takes, one after the other."""
    ask, _ = asker(way, url)
    for _ in range(20):
        assert ask() == PROMPT
    return [_timed(ask) for _ in range(calls)]


def first_text(way: str, url: str, calls: int) -> list[float]:
    """Return the seconds to the first text of each stream, one after the other."""
    _, pieces = asker(way, url)
    for _ in range(20):
        assert "Hello" in next(iter(list(pieces())))
    times = []
    for _ in range(calls):
        begun = time.perf_counter()
        stream = iter(pieces())
        next(stream)
        times.append(time.perf_counter() - begun)
        for _ in stream:
            pass
    return times


def first(way: str, url: str) -> None:
    """Ask once and print the answer. The caller measures the time until it appears."""
    ask, _ = asker(way, url)
    print(ask(), flush=True)


def throughput(way: str, url: str, in_flight: int, calls: int) -> float:
    """Return completions per second, with this many in flight."""
    return asyncio.run(_throughput(way, url, in_flight, calls))


async def _throughput(way: str, url: str, in_flight: int, calls: int) -> float:
    if way == "sdk":
        from openai import AsyncOpenAI

        client = AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1", max_retries=0)

        async def ask():
            stream = await client.chat.completions.create(**REQUEST, **STREAMED)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
    else:
        from mcp_models.client import OpenAIMCPModel

        model = OpenAIMCPModel("gpt-x", env={"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{url}/v1"})

        async def ask():
            return (await model.acall(PROMPT, max_tokens=64))["output"]

    async def worker(count: int) -> None:
        for _ in range(count):
            assert await ask() == PROMPT

    await asyncio.gather(*(worker(2) for _ in range(in_flight)))
    begun = time.perf_counter()
    await asyncio.gather(*(worker(calls // in_flight) for _ in range(in_flight)))
    return (calls // in_flight * in_flight) / (time.perf_counter() - begun)


def _timed(ask) -> float:
    begun = time.perf_counter()
    assert ask() == PROMPT
    return time.perf_counter() - begun


if __name__ == "__main__":
    way, url, what, *numbers = sys.argv[1:]
    found = globals()[what](way, url, *map(int, numbers))
    if found is not None:
        print(json.dumps(found))
