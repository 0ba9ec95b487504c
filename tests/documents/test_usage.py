"""docs/usage.md: its queries run on both databases and find something, and its picture is that of today's page."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib.image
import numpy
import pytest

from mcp_models.client.usage.report import Sums
from mcp_models.servers.core.ledger.schema import MIGRATIONS
from mcp_models.servers.core.ledger.store import Store
from tests.checkout import ROOT
from tests.client.usage.conftest import filled, postgres, store, target
from tests.documents import usage

__all__ = ["filled", "postgres", "store", "target"]

PAGE = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?);\n```", PAGE, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: re.findall(r"FROM (\w+)", query)[0])
def test_a_query_finds_something(filled: Store, query: str) -> None:
    assert filled.execute(query)


def test_every_view_is_asked_something() -> None:
    views = set(re.findall(r"CREATE VIEW (\w+)", "".join(MIGRATIONS)))
    assert len(views) > 6
    assert views - {name for query in QUERIES for name in re.findall(r"FROM (\w+)", query)} == set()


def test_every_table_is_named() -> None:
    assert {name for name in re.findall(r"CREATE TABLE (\w+)", "".join(MIGRATIONS)) if f"`{name}`" not in PAGE} == set()


def test_every_column_of_the_table_is_described() -> None:
    assert len(re.findall(r"^\| `(?:calls|errors|tokens in|cost|cache saved|cost unknown)`", PAGE, re.MULTILINE)) == 6
    assert len(Sums.__struct_fields__) == 7


@pytest.mark.slow
def test_the_picture_is_that_of_the_page() -> None:
    kept, taken = _read(usage.PICTURE.read_bytes()), _read(usage.picture())
    said = "run `bash run_with_env.sh -m tests.documents.usage`"
    assert kept.shape[1] == taken.shape[1]
    assert kept.shape[0] == pytest.approx(taken.shape[0], rel=0.05), said  # fonts differ a little
    hexadecimal = re.findall(r"--c[0-2]: #(\w+)", usage.page_text())[:3]
    colours = [tuple(bytes.fromhex(text)) for text in hexadecimal]
    assert len(colours) == 3
    for colour in colours:
        shares = [(picture == colour).all(axis=2).mean() for picture in (kept, taken)]
        assert shares[0] == pytest.approx(shares[1], rel=0.05), said
        assert shares[0] > 0.001


def _read(png: bytes) -> Any:
    return numpy.rint(matplotlib.image.imread(io.BytesIO(png), format="png")[:, :, :3] * 255).astype(int)
