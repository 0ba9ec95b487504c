"""Read `--since`: from when on to count."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EXPECTED = "expected hours, days or weeks such as 24h, 7d or 2w, or a date such as 2026-11-01"

_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_DATES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%MZ")


def begin(text: str, now: float) -> float:
    """Return when a period begins, in seconds since 1970.

    Days and weeks are whole days in UTC: `7d` is today and the six days before. Hours are counted back from now.

    Args:
        text: `24h`, `7d`, `2w`, or a date, with a time if you like: `2026-11-01T08:00`. Dates and times are in UTC.
        now: The time now, in seconds since 1970.

    Raises:
        ValueError: It is none of these, or begins in the future or before 1970. The message says what is expected.
    """
    moment = datetime.fromtimestamp(now, UTC)
    try:
        begins = _counted_back(text, moment) or _date(text)
    except OverflowError:
        begins = None
    if begins is None or begins.year < 1970:
        raise ValueError(f"{EXPECTED}; got {text[:40]!r}.")
    if begins > moment:
        raise ValueError(f"{text} is in the future; it is {moment:%Y-%m-%d %H:%M} UTC.")
    return begins.timestamp()


def _counted_back(text: str, now: datetime) -> datetime | None:
    found = re.fullmatch(r"([1-9][0-9]{0,5})([hdw])", text.strip().lower())
    if not found:
        return None
    back = timedelta(hours=int(found[1]) * _HOURS[found[2]])
    if found[2] == "h":
        return now - back
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - back + timedelta(days=1)


def _date(text: str) -> datetime | None:
    for form in _DATES:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def in_words(seconds: float) -> str:
    """Return a time for people, to the minute and in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
