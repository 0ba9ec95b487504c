"""Give the tests a home folder of their own, without the developer's stored keys and hosts' files."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_home(home: Path) -> None:
    """Give every test of the client a home of its own."""


@pytest.fixture(scope="module", autouse=True)
def quick_collections() -> Iterator[None]:
    """Leave what is there already out of garbage collections: a test that looks for what is left collects again and again."""
    gc.freeze()
    yield
    gc.unfreeze()
