"""Write amounts for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from mcp_models.client.usage.period import in_words
from mcp_models.client.usage.report import UNNAMED, CapUse, Sums


def dollars(amount: float | None) -> str:
    """Return an amount of dollars: to the cent from one dollar on, to a hundredth of a cent below. None is not known."""
    if amount is None:
        return "–"
    sign, amount = "-" if amount < 0 else "", abs(amount)
    if amount >= 1:
        return f"{sign}${amount:,.2f}"
    if 0 < amount < 0.0001:
        return f"{sign}<$0.0001"
    return f"{sign}${amount:.4f}" if amount else "$0"


def count(number: float) -> str:
    """Return a whole number with commas."""
    return f"{round(number):,}"


def short(number: int) -> str:
    """Return a whole number with three digits from a million on: 1.40M."""
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6)):
        if number >= size:
            digits = number / size
            return f"{digits:.{max(0, 3 - len(str(int(digits))))}f}{unit}"
    return count(number)


def amount(number: float, unit: Literal["usd", "calls"]) -> str:
    """Return an amount of a cap."""
    return dollars(number) if unit == "usd" else count(number)


def sums_in_words(sums: Sums, tokens: Callable[[int], str] = count) -> tuple[str, ...]:
    """Return sums as the fields of a table, with numbers of tokens as `tokens` writes them."""
    calls = (count(sums.calls), count(sums.errors), tokens(sums.input_tokens), tokens(sums.output_tokens))
    return (*calls, dollars(sums.cost_usd), dollars(sums.cache_savings_usd), count(sums.calls_of_unknown_cost))


def cap_in_words(use: CapUse) -> tuple[str, str, str, str, str, str]:
    """Return the use of a cap as fields: the cap, whom it is for, what is spent, reserved and left, and until when."""
    who = "all" if use.who is None else use.who or UNNAMED
    spent, reserved, left = (amount(number, use.unit) for number in (use.spent, use.reserved, max(use.left, 0)))
    return (use.cap, who, spent, reserved, left, in_words(use.frees_at))
