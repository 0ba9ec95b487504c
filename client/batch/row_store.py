"""Define `RowStore`: where a run keeps what it has asked and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_models.client.batch.journal import Settled
    from mcp_models.client.batch.question import Found
    from mcp_models.client.batch.row import Row


class RowStore(Protocol):
    """What a run needs of the place where its rows and results are kept."""

    @property
    def size(self) -> int:
        """How much has been appended."""

    def look(self, row: Row) -> Found:
        """Return what is known of a row."""

    def append(self, number: int, line: bytes) -> int:
        """Keep a row's line, so that it survives this process, and return its place.

        Raises:
            OSError: That is not possible now. Nothing was written then.
        """

    def read(self, place: int) -> bytes:
        """Return the line at a place."""

    def commit(self, asked: Sequence[Row], settled: Sequence[Settled], size: int) -> None:
        """Write down which rows will be asked and what was settled, and wait until that is on the disk.

        Args:
            asked: The rows that will be asked.
            settled: The rows that have a line, with its place and what it cost.
            size: How much had been appended when they were settled.

        Raises:
            OSError: That is not possible now. Nothing has changed then.
        """

    def withdraw(self, rows: Sequence[Row]) -> None:
        """Forget rows that were to be asked and were not."""
