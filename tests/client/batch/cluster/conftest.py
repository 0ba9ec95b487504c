"""The databases of the ledger's tests: the workers' journal is in such a one."""

from __future__ import annotations

from tests.servers.core.ledger.conftest import postgres, target

__all__ = ["postgres", "target"]
