"""`Fallback`: the next model answers when the first cannot, within one deadline, and the result tells what happened."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_models.client import FALL_BACK_ON, EchoMCPModel, Fallback, Model, OllamaModel, Panel
from mcp_models.client.circuit_breaker import CircuitBreaker
from mcp_models.client.errors import ServerExitedError, ServerStartError, ServerTimeoutError
from mcp_models.servers.core.errors import ERROR_TYPES
from tests.checkout import ROOT
from tests.client.left_over import counts
from tests.client.scripted_model import Act, ScriptedModel, fails, hangs, raises, says
from tests.fakes.ollama import FakeOllama
from tests.peer import wait_until
from tests.results import failure, success


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before = counts()
    yield
    wait_until(lambda: counts().within(before), 5)


def outcomes(result: Any) -> list[tuple[str, str, str | None]]:
    return [(step["provider"], step["outcome"], step["error_type"]) for step in result["route"]]


def test_the_first_answers_and_nobody_else_is_asked() -> None:
    first, second = ScriptedModel("a", says("Hi.", cost_usd=0.5)), ScriptedModel("b", says("Ho."))
    with Fallback(first, second) as model:
        result = model.call("Hello?", 7, 0.5, "Be brief.", seed=1)
    assert (result["output"], result["provider"], result["model"]) == ("Hi.", "a", "a-1")
    assert outcomes(result) == [("a", "answered", None)]
    assert json.loads(json.dumps(result)) == result
    asked = first.asked[0]
    assert (asked["prompt"], asked["max_tokens"], asked["system"], asked["seed"]) == ("Hello?", 7, "Be brief.", 1)
    assert (asked["model"], second.asked, first.closed, second.closed) == ("a-1", [], 1, 1)


@pytest.mark.parametrize("error_type", ERROR_TYPES)
def test_the_next_is_asked_after_these_failures_and_no_others(error_type: str) -> None:
    second = ScriptedModel("b", says("Ho.", cost_usd=0.25))
    with Fallback(ScriptedModel("a", fails(error_type)), second) as model:
        result = model.call("Hello?")
    if error_type in FALL_BACK_ON:
        assert outcomes(result) == [("a", "failed", error_type), ("b", "answered", None)]
        assert success(result)["cost_usd"] == 0.25
    else:
        assert outcomes(result) == [("a", "failed", error_type)]
        assert failure(result)["error_type"] == error_type


def test_the_table_of_failures_can_be_replaced() -> None:
    with Fallback(ScriptedModel("a", fails("refusal")), ScriptedModel("b", says("Ho.")), fall_back_on={"refusal"}) as model:
        assert model.call("Hello?")["output"] == "Ho."


@pytest.mark.parametrize(
    ("error", "error_type"),
    [(ServerExitedError("it ended"), "connection"), (ServerTimeoutError("it hangs"), "timeout")],
)
def test_a_failure_of_the_bridge_is_one_like_any_other(error: Exception, error_type: str) -> None:
    with Fallback(ScriptedModel("a", raises(error)), ScriptedModel("b", says("Ho."))) as model:
        assert outcomes(model.call("Hello?")) == [("a", "failed", error_type), ("b", "answered", None)]


def test_a_server_that_cannot_be_started_is_a_matter_of_configuration() -> None:
    with Fallback(ScriptedModel("a", raises(ServerStartError("no program"))), ScriptedModel("b", says("Ho."))) as model:
        assert failure(model.call("Hello?"))["error_type"] == "configuration"


def test_a_failure_has_all_reasons() -> None:
    first = ScriptedModel("a", fails("rate_limit", retry_after=9.0))
    with Fallback(first, ScriptedModel("b", fails("overloaded", retry_after=4.0))) as model:
        result = failure(model.call("Hello?"))
    assert result["error"] == ("no model answered: a/a-1: rate_limit: a has rate_limit.; b/b-1: overloaded: b has overloaded.")
    assert (result["error_type"], result["retryable"], result["retry_after"]) == ("overloaded", True, 4.0)
    assert outcomes(result) == [("a", "failed", "rate_limit"), ("b", "failed", "overloaded")]


def test_the_deadline_is_shared_out() -> None:
    models = [ScriptedModel(name, hangs()) for name in "abc"]
    with Fallback(*models, timeout=0.3) as model:
        started = time.monotonic()
        result = failure(model.call("Hello?"))
        assert time.monotonic() - started < 0.5
    assert [each.asked[0]["timeout"] for each in models] == [pytest.approx(0.1, abs=0.03)] * 3
    assert outcomes(result) == [(name, "failed", "timeout") for name in "abc"]
    assert all(each.cancelled.is_set() for each in models)


def test_a_models_own_shorter_deadline_holds() -> None:
    first = ScriptedModel("a", says("Hi."), timeout=0.5)
    with Fallback(first, timeout=60) as model:
        model.call("Hello?", timeout=30)
        model.call("Hello?", timeout=0.2)
    assert [round(asked["timeout"], 1) for asked in first.asked] == [0.5, 0.2]


def test_a_slow_model_is_overtaken_and_cancelled() -> None:
    slow = ScriptedModel("a", hangs())
    with Fallback(slow, ScriptedModel("b", says("Ho.")), hedge_after=0.05, timeout=20) as model:
        result = model.call("Hello?")
    assert outcomes(result) == [("a", "cancelled", None), ("b", "answered", None)]
    assert slow.cancelled.is_set()
    assert 0.05 < slow.asked[0]["timeout"] <= 20
    assert result["route"][1]["began_ms"] >= 50


def test_a_slow_first_answer_still_counts_while_the_second_is_asked() -> None:
    second = ScriptedModel("b", hangs())
    with Fallback(ScriptedModel("a", says("Hi.").after(0.15)), second, hedge_after=0.02, timeout=0.2) as model:
        assert outcomes(model.call("Hello?")) == [("a", "answered", None), ("b", "cancelled", None)]


def test_a_model_that_fails_again_and_again_is_left_out_and_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ScriptedModel("a", fails("overloaded"), fails("overloaded"), says("Hi."))
    now = 1000.0
    with Fallback(first, ScriptedModel("b", says("Ho.")), leave_out_after=2, leave_out_seconds=30) as model:
        for breaker in model.breakers:
            monkeypatch.setattr(breaker, "_clock", lambda: now)
        results = [model.call("Hello?") for _ in range(3)]
        assert [outcomes(result)[0] for result in results] == [("a", "failed", "overloaded")] * 2 + [
            ("a", "left_out", "overloaded")
        ]
        assert "left out for 30 s more, after 2 failures in a row" in str(results[2]["route"][0]["error"])
        assert len(first.asked) == 2
        now += 31
        assert model.call("Hello?")["output"] == "Hi."
        assert model.call("Hello?")["output"] == "Hi."


def test_when_all_are_left_out_the_call_fails_at_once_and_says_until_when() -> None:
    with Fallback(ScriptedModel("a", fails("rate_limit")), leave_out_after=1, leave_out_seconds=60) as model:
        model.call("Hello?")
        result = failure(model.call("Hello?"))
    assert (result["error_type"], result["retryable"]) == ("rate_limit", True)
    assert result["retry_after"] == pytest.approx(60, abs=5)
    assert outcomes(result) == [("a", "left_out", "rate_limit")]


def test_what_a_group_had_cost_is_not_counted_again_when_it_is_left_out() -> None:
    dear = Fallback(ScriptedModel("a", fails("overloaded")))
    with Fallback(dear, ScriptedModel("b", says("Ho.", cost_usd=0.25)), leave_out_after=1) as model:
        last: Any = {**dear.call("x"), "cost_usd": 9.0}
        model.breakers[0].fail(last)
        result = model.call("Hello?")
    assert [(step["outcome"], step["cost_usd"]) for step in result["route"]] == [("left_out", None), ("answered", 0.25)]


def test_a_model_that_comes_back_before_the_deadline_gets_its_share() -> None:
    first, second = ScriptedModel("a", hangs()), ScriptedModel("b", fails("overloaded"), says("Ho."))
    with Fallback(first, second, timeout=0.4, leave_out_after=1, leave_out_seconds=0.25) as model:
        model.breakers[1].fail(failure(second.call("Hello?")))
        result = model.call("Hello?")
    assert outcomes(result) == [("a", "failed", "timeout"), ("b", "answered", None)]
    assert first.asked[0]["timeout"] == pytest.approx(0.25, abs=0.04)


def test_a_model_that_does_not_come_back_in_time_leaves_its_share_to_the_others() -> None:
    first, second = ScriptedModel("a", hangs()), ScriptedModel("b", fails("overloaded"))
    with Fallback(first, second, timeout=0.15, leave_out_after=1) as model:
        model.breakers[1].fail(failure(second.call("Hello?")))
        result = failure(model.call("Hello?"))
    assert outcomes(result) == [("a", "failed", "timeout"), ("b", "left_out", "overloaded")]
    assert first.asked[0]["timeout"] == pytest.approx(0.15, abs=0.04)
    assert "left out" in result["error"]


def test_a_breaker_admits_one_trial_at_a_time() -> None:
    now = 0.0
    breaker = CircuitBreaker(1, 10, lambda: now)
    with Fallback(ScriptedModel("a", fails("overloaded"))) as model:
        breaker.fail(failure(model.call("Hello?")))
    assert (breaker.admits(), breaker.seconds_left()) == (False, 10)
    now = 10.0
    assert breaker.admits()
    breaker.begin()
    assert not breaker.admits()
    breaker.succeed()
    assert breaker.admits()


def test_a_stream_falls_back_before_its_first_text() -> None:
    with Fallback(ScriptedModel("a", fails("overloaded")), ScriptedModel("b", says("Ho ho", "Ho", " ho"))) as model:
        stream = model.stream("Hello?")
        assert list(stream) == ["Ho", " ho"]
        assert outcomes(stream.result) == [("a", "failed", "overloaded"), ("b", "answered", None)]


@pytest.mark.parametrize("end", [fails("connection", "Half", partial="Half"), raises(ServerExitedError("it ended"), "Half")])
def test_nobody_takes_over_once_text_has_been_given_out(end: Act) -> None:
    second = ScriptedModel("b", says("Ho."))
    with Fallback(ScriptedModel("a", end.after(0.02)), second) as model:
        stream = model.stream("Hello?")
        assert list(stream) == ["Half"]
        result = failure(stream.result)
    assert (result["partial"], result["error_type"], second.asked) == ("Half", "connection", [])
    assert "no other model was asked" in result["error"]


def test_a_hedged_stream_gives_the_text_of_one_model_only() -> None:
    slow, fast = ScriptedModel("a", hangs()), ScriptedModel("b", says("Ho ho", "Ho", " ho").after(0.05))
    with Fallback(slow, fast, hedge_after=0.02) as model:
        stream = model.stream("Hello?")
        assert list(stream) == ["Ho", " ho"]
        assert outcomes(stream.result) == [("a", "cancelled", None), ("b", "answered", None)]
    assert slow.cancelled.is_set()


def test_a_stream_that_speaks_may_go_on_to_the_deadline_and_keeps_what_came() -> None:
    second = ScriptedModel("b", says("Ho."))
    with Fallback(ScriptedModel("a", hangs("Half")), second, timeout=0.15, hedge_after=0.02) as model:
        stream = model.stream("Hello?")
        assert list(stream) == ["Half"]
        result = failure(stream.result)
    assert (result["error_type"], result["partial"], second.asked) == ("timeout", "Half", [])


async def test_coroutines_do_the_same_and_a_cancelled_one_stops_all() -> None:
    models = [ScriptedModel(name, hangs()) for name in "ab"]
    async with Fallback(*models, hedge_after=0.01) as model:
        call = asyncio.create_task(model.acall("Hello?"))
        await asyncio.to_thread(wait_until, lambda: models[1].asked)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        for each in models:
            assert await asyncio.to_thread(each.cancelled.wait, 1)
    async with Fallback(ScriptedModel("a", fails("timeout")), ScriptedModel("b", says("x", "x"))) as model:
        assert (await model.acall("Hello?"))["output"] == "x"
        assert [piece async for piece in model.astream("Hello?")] == ["x"]


def test_a_stream_that_is_left_early_stops_the_model() -> None:
    first = ScriptedModel("a", hangs("one"))
    with Fallback(first) as model:
        stream = model.stream("Hello?")
        assert next(stream) == "one"
        stream.close()
        assert first.cancelled.wait(1)


def test_closing_it_ends_its_calls() -> None:
    first = ScriptedModel("a", hangs())
    model = Fallback(first)
    stream = model.stream("Hello?")

    def close() -> None:
        wait_until(lambda: first.asked)
        model.close()

    threading.Thread(target=close, daemon=True).start()
    with pytest.raises(RuntimeError, match="closed while it was asked"):
        next(stream)
    assert first.cancelled.is_set()


def test_a_model_that_is_closed_elsewhere_is_a_failure_like_any_other() -> None:
    slow = ScriptedModel("a", hangs())
    shared = Fallback(slow)

    def close() -> None:
        wait_until(lambda: slow.asked)
        shared.close()

    with Fallback(shared, ScriptedModel("b", says("Hi."))) as model:
        threading.Thread(target=close, daemon=True).start()
        result = model.call("Hello?")
    assert success(result)["output"] == "Hi."
    assert outcomes(result) == [("fallback", "failed", "connection"), ("b", "answered", None)]


def test_one_that_nobody_closes_leaves_no_thread() -> None:
    assert Fallback(ScriptedModel("a", says("Hi."))).call("Hello?")["output"] == "Hi."


def test_models_of_any_kind_and_groups_in_groups(ollama: FakeOllama) -> None:
    ollama.script(ollama.error(503, "busy"))
    with Fallback(OllamaModel("tiny"), Panel(EchoMCPModel(), EchoMCPModel("echo-slow-0.01"))) as model:
        result = model.call("Hello?")
    assert (success(result)["output"], result["cost_usd"]) == ("Hello?", 0.0)
    assert [(step["provider"], step["outcome"]) for step in result["route"]] == [("ollama", "failed"), ("echo", "answered")]


def test_the_example_of_the_page_that_needs_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "orchestration.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "OpenAI" not in block]
    exec(compile(code, "orchestration.md", "exec"), {})
    assert capsys.readouterr().out == "Name three colours. ['failed', 'answered']\n"


def test_a_copy_in_another_process() -> None:
    model = Fallback(EchoMCPModel("echo-error-overloaded"), EchoMCPModel())
    copy = pickle.loads(pickle.dumps(model))
    with copy:
        assert copy.call("x")["output"] == "x"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_has_a_loop_of_its_own() -> None:
    with Fallback(ScriptedModel("a", says("Hi."))) as model:
        model.call("Hello?")
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = 0 if model.call("Hello?")["output"] == "Hi." else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert model.call("Hello?")["output"] == "Hi."


def test_wrong_arguments() -> None:
    first: Any = ScriptedModel("a", says("Hi."))
    nope: Any = {"nope": 1}
    wrong: list[tuple[Any, str]] = [
        (lambda: Fallback("openai"), "takes models, got 'openai'"),  # type: ignore[arg-type]
        (lambda: Fallback(first, fall_back_on={"nope"}), "no error type 'nope'"),  # type: ignore[arg-type]
        (lambda: Fallback(first, hedge_after=0), "hedge_after: expected a number of seconds"),
        (lambda: Fallback(first, timeout=-1), "timeout: expected"),
        (lambda: Fallback(first, leave_out_after=0), "leave_out_after"),
        (lambda: Fallback(first).call("x", timeout=float("nan")), "timeout: expected"),
        (lambda: Fallback(first).call("x", model="gpt"), "each of its models has its own"),
        (lambda: Fallback(first).call("x", **nope), "unknown option 'nope'"),
    ]
    for call, hint in wrong:
        with pytest.raises((TypeError, ValueError), match=hint):
            call()


async def test_what_no_json_can_hold_is_a_type_error() -> None:
    prompt: Any = b"bytes"
    with Fallback(EchoMCPModel()) as model, pytest.raises(TypeError, match="bytes"):
        await model.acall(prompt)


def test_it_is_a_model() -> None:
    model: Model = Fallback(ScriptedModel("a", says("Hi.")))
    assert (model.provider, repr(model)) == ("fallback", "Fallback(ScriptedModel(provider='a', model_name='a-1'))")
