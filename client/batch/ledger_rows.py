"""Record in the ledger what a provider's Batch API has answered: no server of ours hears of these calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_models.client.direct_model import CLIENT_NAME
from mcp_models.servers.core.ledger.recorder import Recorder, add_completion
from mcp_models.servers.core.ledger.row import Row, kept

if TYPE_CHECKING:
    from mcp_models.client.batch.jobs_journal import Job
    from mcp_models.servers.core.batches import BatchResult
    from mcp_models.servers.core.provider import Provider


class LedgerRows:
    """The rows of a provider's jobs.

    Args:
        provider: The provider, whose environment says where the ledger is.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider, self._recorder = provider, Recorder(provider)

    def add(self, job: Job, result: BatchResult) -> None:
        """Add a result. One that is collected twice counts once, as it has the same id."""
        writer = self._recorder.writer()
        if writer is None:
            return
        error_type = None if result.error is None else result.error.type
        row = Row(result.id, job.created, self._provider.name, kept(job.model) or "", CLIENT_NAME, 0, error_type)
        if result.completion is not None:
            add_completion(row, result.completion)
        writer.add(row)
