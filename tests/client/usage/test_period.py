"""`--since`: hours back from now, whole days and weeks, dates; all in UTC."""

from __future__ import annotations

import pytest

from mcp_models.client.usage.period import begin, in_words
from tests.client.usage.rows import NOON


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("24h", "2026-11-25 12:00 UTC"),
        ("1d", "2026-11-26 00:00 UTC"),
        ("7d", "2026-11-20 00:00 UTC"),
        ("2w", "2026-11-13 00:00 UTC"),
        (" 2W ", "2026-11-13 00:00 UTC"),
        ("2026-11-01", "2026-11-01 00:00 UTC"),
        ("2026-11-01T08:30", "2026-11-01 08:30 UTC"),
        ("1970-01-01", "1970-01-01 00:00 UTC"),
    ],
)
def test_a_period(text: str, begins: str) -> None:
    assert in_words(begin(text, NOON)) == begins


@pytest.mark.parametrize(
    "text", ["", "7", "d", "0d", "-1d", "7m", "yesterday", "2026-13-01", "999999w", "1969-12-31", "1" * 50 + "d"]
)
def test_what_makes_no_sense_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="expected hours, days or weeks such as 24h"):
        begin(text, NOON)


def test_the_future() -> None:
    with pytest.raises(ValueError, match="2026-11-27 is in the future; it is 2026-11-26 12:00 UTC"):
        begin("2026-11-27", NOON)
