"""Give the tests a home folder of their own, without the developer's stored keys and hosts' files."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_home(home: Path) -> None:
    """Give every test of the client a home of its own."""
