"""Hold what is known of a row before it is asked, and which rows ask for the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from mcp_models.client.batch.journal import State
    from mcp_models.client.batch.row import Row


class Found(Struct):
    """What the journal knows of a row.

    Attributes:
        state: Its state, or None if it is new.
        is_taken: Whether its id is another row's.
        place: Where there is a result for it.
        is_in_job: Whether its result comes from a job of the Batch API that has been sent.
    """

    state: State | None
    is_taken: bool
    place: int | None
    is_in_job: bool = False


class Question(Struct):
    """What several rows ask for. The first is asked, the others get its result.

    Attributes:
        place: Where the result is, as soon as there is one.
        followers: The other rows that wait for it.
    """

    place: int | None = None
    followers: list[Row] = []
