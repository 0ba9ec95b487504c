"""`Recorded`: a model whose answers come from a tape, without a key, a server, or even the model itself."""

from __future__ import annotations

import asyncio
import errno
import json
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from mcp_models.client import DirectModel, EchoMCPModel, Model, NotOnTapeError, Recorded, ServerProtocolError, TapeError
from mcp_models.client.future import Future
from mcp_models.client.pending_call import PendingCall
from mcp_models.client.tapes.model_tape import ModelTape
from mcp_models.client.tapes.tape_file import TapeWriter, read_tape
from mcp_models.servers.core import redaction
from mcp_models.servers.core.protocol import META_DELTA
from tests.client.tapes.tapes import answer, ask, progress, write
from tests.results import failure, success


class Echo(DirectModel):
    """The echo provider in this process, which counts how often it is asked."""

    provider_name = "echo"
    asked = 0

    def _begin(self, arguments: dict[str, Any], *rest: Any) -> PendingCall:
        type(self).asked += 1
        return super()._begin(arguments, *rest)


@pytest.fixture(autouse=True)
def nobody_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Echo, "asked", 0)


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "tape.jsonl"


def must_not_be_made() -> NoReturn:
    raise AssertionError("a replay makes no model")


def record(tape: Path, *prompts: str, model: Any = Echo) -> list[Any]:
    with Recorded(model, tape, "record") as recorded:
        return [recorded.call(prompt) for prompt in prompts]


def test_a_replay_gives_the_same_results_without_the_model(tape: Path) -> None:
    said = record(tape, "one", "two", "one")
    with Recorded(must_not_be_made, tape) as replayed:
        assert (replayed.provider, replayed.model_name) == ("echo", "")
        assert [replayed.call(prompt) for prompt in ("one", "one", "two")] == [said[0], said[2], said[1]]
    assert Echo.asked == 3


def test_a_model_that_is_given_says_its_name_and_default_timeout(tape: Path) -> None:
    model = Model("echo", "a-model", timeout=7)
    write_call(tape, {"prompt": "a", "max_tokens": 4096, "model": "a-model"}, "b")
    recorded = Recorded(model, tape)
    assert repr(recorded) == "Recorded(provider='echo', model_name='a-model')"
    assert success(recorded.call("a", timeout=3))["output"] == "b"


def write_call(tape: Path, arguments: dict[str, Any], text: str) -> None:
    tape.parent.mkdir(exist_ok=True)
    asked = ask(1, "")
    asked["params"]["arguments"] = arguments
    write(tape, ("client", 0, asked), ("server", 1, answer(1, text)))


async def test_every_face_of_a_model_is_recorded_and_replayed(tape: Path) -> None:
    async def faces(model: Model) -> list[Any]:
        stream, astream = model.stream("one two three"), model.astream("four five six")
        pieces, apieces = list(stream), [piece async for piece in astream]
        steps: list[Any] = []
        called = model.call("one two three", on_progress=lambda params: steps.append(params["_meta"]))
        return [pieces, stream.result, apieces, astream.result, called, steps, await model.acall("seven")]

    with Recorded(Echo, tape, "record") as recorded:
        said = await faces(recorded)
    assert len(said[0]) > 1
    assert len(said[5]) > 1
    assert await faces(Recorded(must_not_be_made, tape)) == said


def test_the_pieces_of_a_stream_come_with_their_times_if_you_ask_for_that(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    piece = progress("t", 1)
    piece["params"]["_meta"] = {"mcp-models/delta": "a piece"}
    asked = ask(1, "a", progressToken="t", **{"mcp-models/stream": True})
    asked["params"]["arguments"]["max_tokens"] = 4096
    write(tape, ("client", 0, asked), ("server", 1, piece), ("server", 2, answer(1, "a piece")))
    for speed, least in ((10, 0.2), (0, 0.0)):
        started = time.monotonic()
        assert list(Recorded(must_not_be_made, tape, speed=speed).stream("a")) == ["a piece"]
        assert time.monotonic() - started >= least


def test_a_tape_of_a_server_serves_a_model_too(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    asked = ask(5, "a")
    asked["params"]["name"] = "execute_task"
    asked["params"]["arguments"]["max_tokens"] = 4096.0
    write(tape, ("client", 0, asked), ("server", 1, answer(5, "b")), ("client", 0, ask(6, "c")))
    assert success(Recorded(must_not_be_made, tape).call("a"))["output"] == "b"


def test_a_failure_of_the_provider_is_on_the_tape_and_a_failure_of_the_session_is_not(tape: Path) -> None:
    class Broken(Echo):
        def _begin(self, arguments: dict[str, Any], *rest: Any) -> PendingCall:
            if arguments["prompt"] == "broken":
                raise ServerProtocolError("broken")
            return super()._begin(arguments, *rest)

    with Recorded(Broken, tape, "record") as recorded:
        assert failure(recorded.call("a", max_tokens=-1))["error_type"] == "invalid_request"
        with pytest.raises(ServerProtocolError):
            recorded.call("broken")
    replayed = Recorded(must_not_be_made, tape)
    assert failure(replayed.call("a", max_tokens=-1))["error_type"] == "invalid_request"
    with pytest.raises(TapeError, match="ends before the answer"):
        replayed.call("broken")


def test_what_was_not_recorded_is_an_error_with_the_nearest_recording_and_the_difference(tape: Path) -> None:
    record(tape, "one")
    replayed = Recorded(must_not_be_made, tape)
    with pytest.raises(NotOnTapeError, match=r'on line 2\. The difference: arguments\.prompt is "one" on the tape, "two" was'):
        replayed.call("two")
    with pytest.raises(NotOnTapeError, match=r"arguments\.max_tokens is 4096 on the tape, 5 was asked"):
        list(replayed.stream("one", max_tokens=5))
    replayed.call("one")
    with pytest.raises(NotOnTapeError, match="recorded once, and has been asked more often"):
        asyncio.run(replayed.acall("one"))
    assert Recorded(must_not_be_made, tape, repeat=True).call("one") == Recorded(must_not_be_made, tape).call("one")


def test_auto_asks_for_what_is_missing_and_only_for_that(tape: Path) -> None:
    for prompts, asked in ((("one",), 1), (("one", "two"), 2), (("two", "one", "one"), 3), (("one", "one", "two"), 3)):
        with Recorded(Echo, tape, "auto") as recorded:
            assert [success(recorded.call(prompt))["output"] for prompt in prompts] == list(prompts)
        assert Echo.asked == asked
    Recorded(must_not_be_made, tape, "auto").call("two")


def test_auto_does_not_ask_another_model_under_the_name_of_the_one_on_the_tape(tape: Path) -> None:
    record(tape, "one")
    recorded = Recorded(lambda: Echo("echo-empty"), tape, "auto")
    assert success(recorded.call("one"))["output"] == "one"
    with pytest.raises(TapeError, match="a tape of echo/default, not of echo/echo-empty: record it anew"):
        recorded.call("two")


def test_record_writes_the_tape_anew_and_only_once_something_is_asked(tape: Path) -> None:
    record(tape, "one", "two")
    record(tape)
    assert len(read_tape(tape).lines) == 4
    with Recorded(Echo, tape, "record") as recorded:
        recorded.call("three")
        recorded.close()
        recorded.call("four")
    prompts = [line.message["params"]["arguments"]["prompt"] for line in read_tape(tape).lines if line.source == "client"]
    assert prompts == ["three", "four"]


def test_a_stream_that_you_leave_is_on_the_tape_as_far_as_it_came(tape: Path) -> None:
    class Slow(Model):
        def _begin(self, arguments: dict[str, Any], seconds: float, on_progress: Any, on_text: Any) -> PendingCall:
            on_text("a piece")
            return PendingCall(lambda _: None, lambda _: TimeoutError())

    with Recorded(Slow("echo", "echo"), tape, "record") as recorded:
        stream = recorded.stream("a")
        assert next(stream) == "a piece"
        stream.close()
    stream = Recorded(must_not_be_made, tape).stream("a")
    assert next(stream) == "a piece"
    with pytest.raises(TapeError, match="ends before the answer"):
        next(stream)
    with Recorded(Echo("echo"), tape, "auto") as recorded:  # half an answer is none
        assert "".join(recorded.stream("a")) == "a"


def test_many_calls_at_once_are_told_apart(tape: Path) -> None:
    prompts = [f"prompt {number}" for number in range(50)]
    with Recorded(Echo, tape, "record") as recorded:
        threads = [threading.Thread(target=recorded.call, args=(prompt,)) for prompt in prompts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    async def replayed() -> list[Any]:
        model = Recorded(must_not_be_made, tape, speed=1000)
        return list(await asyncio.gather(*map(model.acall, prompts)))

    assert [success(result)["output"] for result in asyncio.run(replayed())] == prompts


def test_a_second_writer_is_refused_before_anything_is_asked(tape: Path) -> None:
    with Recorded(Echo, tape, "record") as first, Recorded(Echo, tape, "auto") as second:
        first.call("one")
        with pytest.raises(TapeError, match="written by another session"):
            second.call("two")
    assert Echo.asked == 1


def test_a_full_disk_loses_no_answer_that_was_paid_for_and_asks_for_no_more(
    tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Recorded(Echo, tape, "record")
    recorded.call("one")
    write_line = TapeWriter.write

    def fail_for_answers(self: TapeWriter, source: Any, *rest: Any) -> None:
        if source == "server":
            raise OSError(errno.ENOSPC, "No space left on device")
        write_line(self, source, *rest)

    monkeypatch.setattr(TapeWriter, "write", fail_for_answers)
    assert success(recorded.call("two"))["output"] == "two"
    with pytest.raises(TapeError, match="No space left"):
        recorded.call("three")
    assert Echo.asked == 2
    recorded.close()


def test_what_your_callback_raises_ends_the_call_as_with_any_model(tape: Path) -> None:
    record(tape, "one")
    with Recorded(Echo, tape, "record") as recorded:
        recorded.call("one", on_progress=lambda _: None)

    def fail(_: object) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        Recorded(must_not_be_made, tape).call("one", on_progress=fail)


@pytest.mark.parametrize(("options", "said"), [({"mode": "play"}, "expected one of replay"), ({"speed": -1}, "≥ 0")])
def test_an_option_that_makes_no_sense_is_an_error(tape: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Recorded(Echo, tape, **options)


def test_a_tape_that_is_not_there_says_how_to_record_one(tape: Path) -> None:
    with pytest.raises(TapeError, match=r"record it first, with mode='record' or `pytest --tape=record`"):
        Recorded(must_not_be_made, tape)


def test_a_model_behind_a_server_is_recorded_with_what_its_tool_did_not_take(tape: Path) -> None:
    with Recorded(EchoMCPModel(), tape, "record") as recorded:
        said = recorded.call("one two")
    assert Recorded(EchoMCPModel(), tape).call("one two") == said
    assert json.loads(tape.read_text().splitlines()[0])["provider"] == "echo"


def test_a_key_that_a_stream_has_in_two_pieces_is_not_on_the_tape(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", ["an-unguessable-value"])
    on_tape = ModelTape(tape, reads=False, must_exist=False, adds=False)
    call = on_tape.begin(Model("echo", ""), {"prompt": "x"}, streams=True)
    for piece in ("My key is an-unguess", "able-value, or an-"):
        call.progress({"_meta": {META_DELTA: piece}})
    done = Future()
    done.succeed({"content": [], "isError": False})
    call.end(done, [])
    on_tape.close()
    lines = [line.message for line in read_tape(tape).lines]
    deltas = [line["params"]["_meta"][META_DELTA] for line in lines if line.get("method") == "notifications/progress"]
    assert "".join(deltas) == "My key is [redacted], or an-"
    assert "result" in lines[-1]
