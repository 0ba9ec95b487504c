"""Threads of codex's that are kept: found by what was said, few, and gone when they are used."""

from __future__ import annotations

from mcp_models.servers.codex.kept_threads import MOST_THREADS, KeptThread, KeptThreads, since
from mcp_models.servers.codex.turn import said_after, turn_of
from mcp_models.servers.core.completion import CompletionRequest, Message, Usage


def thread(number: int) -> KeptThread:
    return KeptThread(str(number), Usage())


def test_a_thread_is_taken_once() -> None:
    kept = KeptThreads()
    assert kept.keep("a", thread(1)) == []
    assert kept.take(None) is kept.take("b") is None
    assert kept.take("a") == thread(1)
    assert kept.take("a") is None


def test_the_oldest_and_those_in_which_the_same_was_said_have_to_go() -> None:
    kept = KeptThreads()
    assert kept.keep("0", thread(0)) == []
    assert kept.keep("0", thread(1)) == [thread(0)]
    gone = [old for number in range(MOST_THREADS) for old in kept.keep(f"n{number}", thread(number))]
    assert gone == [thread(1)]


def test_a_turn_follows_the_one_with_the_same_messages_model_and_instructions() -> None:
    def request(*texts: str, **options: str) -> CompletionRequest:
        roles = ["user", "assistant"] * 2
        turns = [Message(role=role, content=text) for role, text in zip(roles, texts, strict=False)]  # type: ignore[arg-type]
        return CompletionRequest(messages=turns, model=options.get("model", "m"), system=options.get("system"))

    first = turn_of(CompletionRequest(prompt="a", model="m"))
    assert first.history is None
    history = said_after(first, "b")
    assert turn_of(request("a", "b", "c")).history == history
    others = [request("a", "x", "c"), request("a", "b", "c", model="n"), request("a", "b", "c", system="s"), request("a", "b")]
    assert history not in [turn_of(other).history for other in others]


def test_a_turns_tokens_are_those_since_the_turn_before() -> None:
    before, total = Usage(input_tokens=20, output_tokens=10), Usage(input_tokens=50, output_tokens=13, reasoning_tokens=1)
    assert since(total, before) == Usage(input_tokens=30, output_tokens=3, reasoning_tokens=1)
