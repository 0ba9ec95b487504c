"""Put the parts together: the journal that the workers share, Ray, and the run that has the output."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from mcp_models.client.batch.cluster.cluster_run import ClusterRun
from mcp_models.client.batch.cluster.ray_cluster import RayCluster
from mcp_models.client.batch.cluster.shared_journal import SUFFIX, SharedJournal
from mcp_models.client.batch.cluster.worker import Plan, journal_target, shared_database
from mcp_models.client.batch.errors import BatchError
from mcp_models.client.model import Model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp_models.client.batch.batch import Batch
    from mcp_models.client.batch.store import Store


@contextlib.asynccontextmanager
async def cluster_run(batch: Batch, store: Store, tier: str | None, *parts: Any) -> AsyncIterator[ClusterRun]:
    """Open a run on Ray, and close everything after it.

    Args:
        batch: What to do.
        store: The output and its journal.
        tier: The service tier to ask for, or None.
        parts: The reader, the store, the pace, the sum of money, the summary, the tier, and where to say something.

    Raises:
        BatchError: Ray or the journal cannot be used.
    """
    path = None if shared_database() is not None else store.path + SUFFIX
    journal = SharedJournal(journal_target(path), store.journal.run_id)
    cluster = RayCluster(batch.address, batch.workers, batch.env)
    try:
        if batch.retry_failed:
            journal.forget_failures()
        await asyncio.to_thread(cluster.open)
        try:
            if path is not None and cluster.machines > 1:
                raise BatchError(
                    "the workers are on several machines, so their journal must be in a PostgreSQL: set MCP_MODELS_LEDGER to "
                    "one, here and on each machine"
                )
            concurrency = max(1, batch.concurrency // batch.workers)
            plan = Plan(
                batch.provider, batch.model, tier, concurrency, batch.max_cost, store.journal.run_id, journal.epoch, path
            )
            model = Model(batch.provider, batch.model or "")
            yield ClusterRun(model, *parts, cluster=cluster, plan=plan, journal=journal)
        finally:
            await asyncio.to_thread(cluster.close)
    finally:
        journal.close()
