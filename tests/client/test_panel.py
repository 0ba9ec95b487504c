"""`Panel`: all models at once, whether they agree, and an early end once enough do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_models.client import Panel
from mcp_models.client.judge import question_of
from tests.client.left_over import counts
from tests.client.scripted_model import Act, ScriptedModel, fails, hangs, says
from tests.peer import wait_until
from tests.results import failure, success


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before = counts()
    yield
    wait_until(lambda: counts().within(before), 5)


def panel(*acts: Act, **options: Any) -> Panel:
    """Return a panel of models that are named a, b, c …, each with one act."""
    return Panel(*(ScriptedModel(chr(97 + number), act) for number, act in enumerate(acts)), **options)


def judge(*groups: int) -> ScriptedModel:
    return ScriptedModel("judge", says("{}", structured={"groups": list(groups)}, cost_usd=0.125))


def agreeing(result: Any) -> list[str]:
    return [answer["provider"] for answer in result["answers"] if answer["agrees"]]


def test_every_answer_with_its_price_and_time() -> None:
    with panel(says("4", cost_usd=0.5), says("four", cost_usd=0.25).after(0.03), fails("overloaded")) as model:
        result = model.call("2+2?")
    assert json.loads(json.dumps(result)) == result
    told = [(answer["outcome"], answer["output"], answer["cost_usd"], answer["error_type"]) for answer in result["answers"]]
    assert told == [("answered", "4", 0.5, None), ("answered", "four", 0.25, None), ("failed", None, None, "overloaded")]
    assert result["answers"][1]["latency_ms"] >= 30
    assert (success(result)["cost_usd"], result["tokens_used"], result["output"], result["provider"]) == (0.75, 6, "4", "a")


@pytest.mark.parametrize(
    ("texts", "agree", "output"),
    [
        (["Yes.", "yes.", " YES.\n"], True, "Yes."),
        (["Yes.", "No.", "no."], False, "No."),
        (["Yes.", "Perhaps.", "No."], False, "Yes."),
        (["Yes."], False, "Yes."),
    ],
)
def test_they_agree_if_all_use_the_same_words(texts: list[str], agree: bool, output: str) -> None:
    with panel(*map(says, texts)) as model:
        result = model.call("Is it?")
    assert (result["agree"], result["output"]) == (agree, output)


def test_json_is_the_same_whatever_the_order_of_its_keys() -> None:
    one, two = says('{"a":1,"b":2}', structured={"a": 1, "b": 2}), says('{"b":2,"a":1}', structured={"b": 2, "a": 1})
    with panel(one, two) as model:
        assert model.call("x", response_schema={"type": "object"})["agree"]


def test_it_stops_once_enough_agree_and_cancels_the_rest() -> None:
    models = [ScriptedModel("a", hangs()), ScriptedModel("b", says("4")), ScriptedModel("c", says("4"))]
    with Panel(*models, enough=2) as model:
        started = time.monotonic()
        result = model.call("2+2?")
        assert time.monotonic() - started < 1
    assert (result["agree"], agreeing(result), result["answers"][0]["outcome"]) == (True, ["b", "c"], "cancelled")
    assert models[0].cancelled.is_set()


def test_it_waits_for_the_rest_as_long_as_too_few_agree() -> None:
    with panel(says("4"), says("5"), says("4").after(0.05), hangs(), enough=2) as model:
        result = model.call("2+2?")
    assert (result["agree"], agreeing(result), result["output"]) == (True, ["a", "c"], "4")


def test_a_judge_finds_those_that_say_the_same_in_other_words() -> None:
    says_so = judge(0, 1, 0)
    with panel(says("It is four."), says("5"), says("4"), says("5"), judge=says_so) as model:
        result = model.call("2+2?")
    assert (result["output"], agreeing(result), result["agree"]) == ("It is four.", ["a", "c"], False)
    assert (success(result)["cost_usd"], result["judge"][0]["outcome"]) == (0.125, "answered")
    told = json.loads(says_so.asked[0]["prompt"])
    assert told == {"question": "2+2?", "answers": ["It is four.", "5", "4"]}
    assert says_so.asked[0]["response_schema"]["required"] == ["groups"]


def test_a_judge_is_not_asked_if_the_words_are_the_same() -> None:
    nobody = judge(0)
    with panel(says("4"), says("4"), judge=nobody) as model:
        assert model.call("2+2?")["agree"]
    assert nobody.asked == []
    assert nobody.closed == 1


def test_enough_by_the_judges_word() -> None:
    with panel(says("four"), says("4"), hangs(), judge=judge(7, 7), enough=2) as model:
        result = model.call("2+2?")
    assert (result["agree"], agreeing(result), result["answers"][2]["outcome"]) == (True, ["a", "b"], "cancelled")


@pytest.mark.parametrize(
    ("act", "hint"),
    [
        (fails("rate_limit"), "rate_limit"),
        (says("{}"), "does not fit the schema"),
        (says("{}", structured={"groups": [0]}), "does not fit the schema"),
        (says("{}", structured={"groups": [True, "0"]}), "does not fit the schema"),
        (hangs(), "no answer within"),
    ],
)
def test_without_a_judges_word_the_words_count(act: Act, hint: str) -> None:
    with panel(says("four"), says("4"), judge=ScriptedModel("judge", act), timeout=0.3) as model:
        result = success(model.call("2+2?"))
    assert (result["output"], len(result["warnings"])) == ("four", 1)
    assert hint in result["warnings"][0]


def test_who_is_too_slow_has_failed_and_the_others_count() -> None:
    with panel(says("4"), hangs(), says("4"), timeout=0.1) as model:
        result = model.call("2+2?")
    assert (result["agree"], result["answers"][1]["error_type"]) == (True, "timeout")


def test_a_failure_has_all_reasons() -> None:
    with panel(fails("refusal", retryable=False), fails("rate_limit", retry_after=3.0)) as model:
        result = failure(model.call("2+2?"))
    assert result["error"] == "no model answered: a/a-1: refusal: a has refusal.; b/b-1: rate_limit: b has rate_limit."
    assert (result["retryable"], result["retry_after"]) == (True, 3.0)


async def test_coroutines_and_streams() -> None:
    async with panel(says("4", "4"), says("4", "4")) as model:
        assert (await model.acall("2+2?"))["agree"]
        stream = model.astream("2+2?")
        assert [piece async for piece in stream] == ["4"]
        assert stream.result["agree"]
    slow = ScriptedModel("a", hangs())
    async with Panel(slow) as model:
        call = asyncio.create_task(model.acall("2+2?"))
        await asyncio.to_thread(wait_until, lambda: slow.asked)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(slow.cancelled.wait, 1)


def test_the_question_for_the_judge() -> None:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image", "url": "data:image/png;base64,AAAA"}]
    assert question_of({"prompt": "x"}) == "x"
    assert question_of({"prompt": "", "messages": [{"role": "user", "content": "y"}]}) == "y"
    assert question_of({"prompt": "", "messages": [{"role": "user", "content": parts}]}) == "What is it?"


def test_wrong_arguments() -> None:
    first: Any = ScriptedModel("a", says("Hi."))
    with pytest.raises(TypeError, match="at least one model"):
        Panel()
    with pytest.raises(TypeError, match="judge: expected a model"):
        Panel(first, judge="openai")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="enough: expected a number from 2 to 2"):
        Panel(first, first, enough=3)
