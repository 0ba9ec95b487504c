"""The databases of the ledger's tests, and a ledger with a made-up month in it."""

from __future__ import annotations

import pytest

from mcp_models.servers.core.ledger.store import Store
from tests.client.usage.rows import NOON, month
from tests.servers.core.ledger.conftest import postgres, store, target

__all__ = ["filled", "postgres", "store", "target"]


@pytest.fixture
def filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A ledger with rows of fourteen days, at noon of the last of them."""
    monkeypatch.setattr(store, "now", lambda: NOON)
    store.write(month(), [])
    return store
