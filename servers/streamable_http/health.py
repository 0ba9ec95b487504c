"""Answer the probes of an orchestrator: `/healthz` and `/readyz`."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping

from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.ledger.store import StoreError
from mcp_models.servers.core.ledger.target import ledger_target
from mcp_models.servers.core.redaction import redact

CHECK_SECONDS = 3.0
"""How long the ledger may take to answer."""

FRESH_SECONDS = 1.0
"""How long an answer of the ledger counts, as anybody may probe as often as they like."""

logger = logging.getLogger("mcp_models")


class Health:
    """Say whether this process can serve calls. The providers are never asked.

    Args:
        env: The environment, which says where the ledger is. None means that of this process.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._env = os.environ if env is None else env
        self._check: asyncio.Task[str] | None = None
        self._checked_at = 0.0

    async def problem(self) -> str:
        """Return what keeps the ledger from being used, or nothing. Never ask it twice at once."""
        check = self._check
        if check is None or (check.done() and time.monotonic() - self._checked_at >= FRESH_SECONDS):
            self._checked_at = time.monotonic()
            check = self._check = asyncio.create_task(asyncio.to_thread(_ledger_problem, self._env))
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await asyncio.shield(check)
        except TimeoutError:
            return "the ledger does not answer"


def _ledger_problem(env: Mapping[str, str]) -> str:
    try:
        if target := ledger_target(env):
            target.open().close()
    except (StoreError, ConfigurationError, OSError) as error:
        logger.warning(redact(f"not ready: the ledger cannot be used: {error}"))
        return "the ledger cannot be used"  # why stands in the log, as anybody may read this
    return ""
