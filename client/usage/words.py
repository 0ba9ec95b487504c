"""Write amounts for people."""

from __future__ import annotations

from typing import Literal


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
