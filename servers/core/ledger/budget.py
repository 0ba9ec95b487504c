"""Read MCP_MODELS_BUDGET: how much may be spent, or how many calls made, in an hour, a day or a month.

The periods are those of the calendar in UTC, as on the providers' bills, so that several machines agree on them.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct

from mcp_models.servers.core.errors import BillingError, ConfigurationError
from mcp_models.servers.core.ledger.row import NANO
from mcp_models.servers.core.settings import BUDGET_VARIABLE

EXPECTED = "expected caps such as `5 USD/day, 50 USD/month per provider, 200 calls/hour per host`, and maybe `unpriced=allow`"

_CAP = r"(\d+(?:\.\d+)?)\s*(usd|calls?)\s*/\s*(hour|day|month)(?:\s+per\s+(provider|host))?"

_DONE = {"usd": "spent", "calls": "made"}


class BudgetError(BillingError):
    """The budget does not allow a call, so nothing was sent."""

    advice = "Nothing was sent."


class Cap(Struct, frozen=True):
    """A limit within a period.

    Attributes:
        text: The cap as you wrote it.
        amount: Billionths of a dollar, or calls.
        unit: What `amount` counts.
        period: The period.
        per: What has a cap of its own each. None means one cap over everything.
    """

    text: str
    amount: int
    unit: Literal["usd", "calls"]
    period: Literal["hour", "day", "month"]
    per: Literal["provider", "host"] | None = None

    def begins(self, now: float) -> float:
        """Return when the period at this time began, in seconds since 1970."""
        moment = datetime.fromtimestamp(now, UTC).replace(minute=0, second=0, microsecond=0)
        if self.period != "hour":
            moment = moment.replace(hour=0)
        return moment.replace(day=1).timestamp() if self.period == "month" else moment.timestamp()

    def ends(self, now: float) -> float:
        """Return when the period at this time ends, in seconds since 1970."""
        longest = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=31)}[self.period]
        return self.begins((datetime.fromtimestamp(self.begins(now), UTC) + longest).timestamp())


class Budget(Struct, frozen=True):
    """All caps.

    Attributes:
        caps: The caps. A call must fit every one of them.
        allows_unpriced: Whether a call of unknown price may be made although there is a cap in dollars.
    """

    caps: tuple[Cap, ...]
    allows_unpriced: bool = False

    @property
    def limits_money(self) -> bool:
        """Whether there is a cap in dollars."""
        return any(cap.unit == "usd" for cap in self.caps)


@functools.lru_cache(16)
def parse_budget(text: str) -> Budget | None:
    """Return the budget in the value of MCP_MODELS_BUDGET, or None if it sets none.

    Raises:
        ConfigurationError: It makes no sense. The message says what is expected.
    """
    caps, allows_unpriced = [], False
    for part in filter(None, map(str.strip, text.split(","))):
        if re.fullmatch(r"unpriced\s*=\s*allow", part, re.IGNORECASE):
            allows_unpriced = True
        elif found := re.fullmatch(_CAP, part, re.IGNORECASE):
            caps.append(_cap(part, found))
        else:
            raise ConfigurationError(f"{BUDGET_VARIABLE}: {EXPECTED}; got {part[:60]!r}.")
    if allows_unpriced and not caps:
        raise ConfigurationError(f"{BUDGET_VARIABLE}: {EXPECTED}; got no cap.")
    return Budget(tuple(caps), allows_unpriced) if caps else None


def joined(*budgets: Budget | None) -> Budget | None:
    """Return one budget with the caps of all. None if there is none. A price must be known if one with dollars wants that."""
    found = [budget for budget in budgets if budget is not None]
    caps = tuple(cap for budget in found for cap in budget.caps)
    return Budget(caps, all(budget.allows_unpriced for budget in found if budget.limits_money)) if caps else None


def for_one_host(text: str) -> Budget | None:
    """Return a budget of which each cap counts only what the asking host has used.

    Args:
        text: Caps as in MCP_MODELS_BUDGET, without `per …`.

    Raises:
        ConfigurationError: It makes no sense, or has `per …`.
    """
    budget = parse_budget(text)
    if budget is None:
        return None
    if each := next((cap for cap in budget.caps if cap.per), None):
        raise ConfigurationError(f"`{each.text}`: leave out `per {each.per}`, as this budget is for one caller.")
    return msgspec.structs.replace(budget, caps=tuple(msgspec.structs.replace(cap, per="host") for cap in budget.caps))


def _cap(text: str, found: re.Match[str]) -> Cap:
    amount, unit, period, per = found[1], found[2].lower(), found[3].lower(), found[4]
    if unit == "usd":
        whole = round(float(amount) * NANO)
    elif amount.isdecimal():
        unit, whole = "calls", int(amount)
    else:
        raise ConfigurationError(f"{BUDGET_VARIABLE}: expected a whole number of calls, got {text!r}.")
    fields = {"text": " ".join(text.split()), "amount": whole, "unit": unit, "period": period, "per": per and per.lower()}
    return msgspec.convert(fields, Cap)


class Used(Struct, frozen=True):
    """What has been used of a cap, in the cap's unit.

    Attributes:
        cap: The cap.
        who: The provider or host that the cap is for, if it is for each.
        spent: What ended calls came to.
        reserved: What calls in flight may come to at most.
    """

    cap: Cap
    who: str | None
    spent: int
    reserved: int


def refusal(used: Used, needed: int, now: float) -> BudgetError:
    """Return the error for a call that does not fit a cap.

    Args:
        used: What has been used of the cap.
        needed: What the call may come to at most, in the cap's unit.
        now: The time, in seconds since 1970.
    """
    cap, amount = used.cap, _dollars if used.cap.unit == "usd" else _calls
    whose = f" ({used.who or 'unnamed'})" if cap.per else ""
    said = f"the budget of {cap.text}{whose} does not allow this call: {amount(used.spent)} {_DONE[cap.unit]}"
    if used.reserved:
        said += f", up to {amount(used.reserved)} reserved for calls in flight"
    said += f", and this call may come to {amount(needed)}."
    if needed > cap.amount:
        return BudgetError(f"{said} That is more than the whole budget: lower `max_tokens` or raise the budget.")
    ends = cap.ends(now)
    at = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if used.spent + needed <= cap.amount:
        return BudgetError(f"{said} It fits when those have ended for less, or at {at}.", retryable=True, retry_after=1.0)
    return BudgetError(f"{said} The budget frees at {at}.", retryable=True, retry_after=round(ends - now, 1))


def _dollars(nano: int) -> str:
    """Return an amount to two decimals, or with all of them if it is small."""
    dollars = nano / NANO
    return f"{dollars:.2f} USD" if dollars >= 1 or not nano else f"{dollars:.9f}".rstrip("0") + " USD"


def _calls(count: int) -> str:
    return f"{count:,} {'call' if count == 1 else 'calls'}"
