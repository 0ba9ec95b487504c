"""Faults: each call through a broken network has a right answer or a typed error, in time, without needless requests."""

from __future__ import annotations

import pytest

from tests.fakes import FAKES
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.fakes.provider import FakeProvider
from tests.trust.fault_calls import check_faults, check_unreachable
from tests.trust.fault_injection import BAD, GOOD


def test_each_fault_once() -> None:
    outcome = check_faults(FakeOllama, len(BAD) + len(GOOD), timeout=1.0)
    assert outcome.failures == []
    assert outcome.figures["right answers"] == len(GOOD)


@pytest.mark.slow
@pytest.mark.parametrize("fake", FAKES, ids=lambda fake: fake.__name__)
def test_many_faults(fake: type[FakeProvider]) -> None:
    assert check_faults(fake, 100).failures == []


@pytest.mark.slow
def test_no_dns_and_garbage_for_tls() -> None:
    assert check_unreachable(FakeOpenAI).failures == []
