"""Show what happens with a ChatGPT login: a completion and every failure, through the real `codex` and a fake of ChatGPT.

`bash run_with_env.sh -m tests.chatgpt` prints them. The program is real, but the service behind it is not OpenAI's.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.codex_cli import codex
from tests.fakes import chatgpt
from tests.fakes.chatgpt import FakeChatGPT
from tests.fakes.endpoint import Reply, json_reply
from tests.peer import Peer, call

SECONDS = 60.0
RESETS_IN = 3 * 86400 + 3600


@dataclass
class Row:
    """A way in which a completion can fail.

    Attributes:
        does: What the service does.
        reply: The service's answer to every request.
        gives: The error's type, or a stop reason such as `end_turn`.
        waits: The expected `retry_after`, to the minute.
    """

    does: str
    reply: Callable[[], Reply]
    gives: str
    waits: int | None = None


def _error(status: int, message: str, **fields: Any) -> Callable[[], Reply]:
    return lambda: json_reply({"error": {"message": message, **fields}}, status)


def _limit(**fields: Any) -> Callable[[], Reply]:
    return _error(429, "The usage limit has been reached", type="usage_limit_reached", plan_type="plus", **fields)


def _failed(code: str, message: str) -> Callable[[], Reply]:
    failed = {"type": "response.failed", "response": {"id": "resp_1", "error": {"code": code, "message": message}}}
    return lambda: chatgpt.of([*chatgpt.created(), *chatgpt.events(failed)])


def _half(**options: Any) -> Callable[[], Reply]:
    chunks = [*chatgpt.created(), *chatgpt.item_added(), chatgpt.delta("Half")]
    return lambda: chatgpt.of(chunks, **options)


def _incomplete(reason: str) -> Callable[[], Reply]:
    end = chatgpt.finished(chatgpt.message("Half"), last="incomplete", incomplete_details={"reason": reason})
    return lambda: chatgpt.of([*chatgpt.created(), *chatgpt.item_added(), chatgpt.delta("Half"), *end])


def _unsupported() -> Reply:
    return json_reply({"detail": "The 'nope-1' model is not supported when using Codex with a ChatGPT account."}, 400)


ROWS = [
    Row("answers", lambda: chatgpt.stream("Hello", " there."), "end_turn"),
    Row("answers without text", lambda: chatgpt.of([*chatgpt.created(), *chatgpt.finished()]), "empty_output"),
    Row("stops at its limit", _incomplete("max_output_tokens"), "max_tokens"),
    Row("filters the answer", _incomplete("content_filter"), "content_filter"),
    Row("403", _error(403, "Forbidden."), "permission"),
    Row("429 too many requests", _error(429, "Slow down.", code="rate_limit_exceeded"), "rate_limit"),
    Row("429 no quota", _error(429, "No quota.", code="insufficient_quota", type="insufficient_quota"), "billing"),
    Row("429 usage limit, hours", lambda: _limit(resets_at=int(time.time()) + 3700)(), "rate_limit", 3700),
    Row("429 usage limit, days", lambda: _limit(resets_at=int(time.time()) + RESETS_IN)(), "rate_limit", RESETS_IN),
    Row("429 usage limit, no time", _limit(), "rate_limit"),
    Row("500", _error(500, "Oops."), "provider_error"),
    Row("502 as a page", lambda: Reply(502, b"<html>Bad gateway</html>", content_type="text/html"), "provider_error"),
    Row("503 overloaded", _error(503, "Full.", code="server_is_overloaded"), "overloaded"),
    Row("404 no such model", _error(404, "The model `nope-1` does not exist or you do not have access to it.",
        code="model_not_found"), "model_not_found"),
    Row("400 model not for ChatGPT", _unsupported, "model_not_found"),
    Row("400", _error(400, "Invalid schema for response_format", type="invalid_request_error"), "invalid_request"),
    Row("fails in the stream", _failed("server_error", "boom"), "connection"),
    Row("prompt too long", _failed("context_length_exceeded", "too long"), "context_length"),
    Row("prompt not allowed", _failed("invalid_prompt", "Invalid prompt: against the policy"), "content_filter"),
    Row("hangs up in the answer", _half(cut=True), "connection"),
]  # fmt: skip


def settings(fake: FakeChatGPT, home: Path) -> dict[str, str]:
    """Return the environment for a server that uses the login in `home`."""
    program = {"OPENAI_CODEX_BIN": str(codex()), "CODEX_HOME": str(home)}
    return {**os.environ, **fake.environment(), **program, "MCP_MODELS_MAX_RETRIES": "0"}


def results(engine: str, folder: Path) -> tuple[dict[str, Any], float, list[tuple[Row, str, str]]]:
    """Run a completion and all rows. The rows run at the same time, as codex retries some of them for a long time.

    Args:
        engine: `app-server` or `exec`.
        folder: Where to put the fake's login.

    Returns:
        The completion's record with its text, how many seconds it took with a warm codex, and the result and the message
        of each row.
    """
    with FakeChatGPT(folder) as fake:
        fake.log_in(folder / "home")
        with Peer("openai", env={**settings(fake, folder / "home"), "OPENAI_CODEX_ENGINE": engine}) as server:
            server.ask(call(0, {"prompt": "Are you warm?"}), SECONDS)
            started = time.monotonic()
            completion = server.ask(call(0, {"prompt": "Hello?", "system": "Be brief."}), SECONDS)["result"]
            seconds = time.monotonic() - started
            fake.of_model = {f"row-{number}": row.reply for number, row in enumerate(ROWS, 1)}
            server.send(*(call(n, {"prompt": "Hello?", "model": f"row-{n}"}) for n in range(1, len(ROWS) + 1)))
            answers = {answer["id"]: answer["result"] for answer in (server.read(SECONDS) for _ in ROWS)}
        assert not fake.strays, f"codex asked for {fake.strays}"
    record = {**completion["_meta"]["mcp-models/completion"], "text": completion["content"][0]["text"]}
    return record, seconds, [(row, *_told(answers[number])) for number, row in enumerate(ROWS, 1)]


def _told(result: dict[str, Any]) -> tuple[str, str]:
    if not result["isError"]:
        return result["_meta"]["mcp-models/completion"]["stop_reason"], result["content"][0]["text"]
    error = result["_meta"]["mcp-models/error"]
    wait = f", {error['retry_after']:g} s" if error["retry_after"] else ""
    return f"{error['type']}{wait}", error["message"]


def expected(row: Row, got: str) -> bool:
    """Return whether a row gave the expected result."""
    kind, _, wait = got.partition(", ")
    if row.waits is None:
        return kind == row.gives and not wait
    return kind == row.gives and abs(float(wait.removesuffix(" s")) - row.waits) <= 120


def main() -> None:
    """Print a completion and the table of failures, for both engines."""
    failed = False
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        engines = ("app-server", "exec")
        folders = [Path(folder) / engine for engine in engines]
        for each in folders:
            each.mkdir()
        for engine, (record, seconds, rows) in zip(engines, pool.map(results, engines, folders), strict=True):
            print(f"## codex {engine}\n\n{record['text']}")
            print(f"{record['usage']}, auth_mode {record['auth_mode']}, {seconds * 1000:.0f} ms\n")
            print("| the service | expected | got | says |\n|---|---|---|---|")
            for row, got, says in rows:
                failed |= not expected(row, got)
                print(f"| {row.does} | {row.gives}{f', {row.waits} s' if row.waits else ''} | {got} | {says} |")
            print()
    if failed:
        sys.exit("a row did not give what it should")


if __name__ == "__main__":
    main()
