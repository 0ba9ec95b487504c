"""Keep a batch within its sum of money: reserve the most that a call can cost before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mcp_models.client.batch.errors import BatchError

if TYPE_CHECKING:
    from mcp_models.client.batch.row import Row
    from mcp_models.servers.core.provider import Provider


class Cap:
    """A sum that is never exceeded by what is spent and what the calls in flight may cost at most.

    Args:
        provider: The provider.
        most: The sum in dollars. None means that there is none.
        allows_unpriced: Whether calls may be made whose price is not known. They count as nothing.
        tier: The service tier that is asked for, unless a row names its own.
        share: The part of the price that counts: a half in a job of a Batch API.

    Attributes:
        spent: What has been spent in dollars.
        reserved: What the calls in flight may cost.
    """

    def __init__(
        self, provider: Provider, most: float | None, allows_unpriced: bool = False, tier: str | None = None, share: float = 1.0
    ) -> None:
        self._provider, self.most, self._allows_unpriced = provider, most, allows_unpriced
        self._tier, self._share = tier, share
        self.spent = self.reserved = 0.0

    def price(self, row: Row) -> None:
        """Find out what a row can cost at most. It takes a moment, and is left out if there is no sum.

        Raises:
            BatchError: That is not known.
        """
        if self.most is None or row.request is None:
            return
        row.highest = highest_cost(self._provider, row, self._tier, self._share)
        if row.highest is None and not self._allows_unpriced:
            raise BatchError(
                f"the price of {self._provider.resolve(row.request.model)[0]} is not known, so --max-cost cannot cap it: "
                "choose a model with a known price, or add --allow-unpriced"
            )

    def reserve(self, row: Row) -> bool:
        """Reserve a call, and return whether it fits."""
        highest = row.highest or 0.0
        if self.most is not None and self.spent + self.reserved + highest > self.most:
            return False
        self.reserved += highest
        return True

    def book(self, row: Row, cost: float | None, may_be_charged: bool) -> float:
        """Replace a reservation by what the call has cost, and return that.

        Args:
            row: The row.
            cost: What the call has cost in dollars, or None if nobody knows.
            may_be_charged: Whether it counts with its highest cost in that case.
        """
        highest = row.highest or 0.0
        self.reserved -= highest
        booked = cost if cost is not None else highest if may_be_charged else 0.0
        self.spent += booked
        return booked


def highest_cost(provider: Provider, row: Row, tier: Any = None, share: float = 1.0) -> float | None:
    """Return what a row can cost at most in dollars, or None if that is not known.

    Args:
        provider: The provider.
        row: The row.
        tier: The service tier that is asked for, unless the row names its own.
        share: The part of that price that counts: a half in a job of a Batch API.
    """
    if row.request is None or not provider.may_charge():
        return 0.0
    if not provider.has_list_prices():
        return None
    from mcp_models.servers.core.price_bound import highest_cost_usd

    request = msgspec.structs.replace(row.request, service_tier=row.request.service_tier or tier)
    cost = highest_cost_usd(provider, request, provider.resolve(request.model)[0])
    return None if cost is None else cost * share
