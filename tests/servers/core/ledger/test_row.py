"""What a row keeps of a call."""

from __future__ import annotations

import pytest

from mcp_models.servers.core import redaction
from mcp_models.servers.core.ledger import row
from tests.servers.core.ledger.conftest import row as made


def test_a_row_survives_its_encoding() -> None:
    sent = made(cost=None, host=None, error_type="timeout")
    assert row.decode(row.encode(sent)) == sent


def test_ids_differ_and_are_in_the_order_of_time() -> None:
    ids = [row.new_id(1_795_694_400.0 + number) for number in range(100)]
    assert ids == sorted(ids)
    assert len({row.new_id(1_795_694_400.0) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("text", "kept"),
    [(None, None), ("gpt-5.2", "gpt-5.2"), ("a\0b\nc", "a?b?c"), ("x" * 300, "x" * 200), ("\ud800", "?"), ("modèle", "modèle")],
)
def test_names_are_short_and_printable(text: str | None, kept: str | None) -> None:
    assert row.kept(text) == kept


def test_a_key_that_was_given_as_a_name_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", [])
    redaction.protect("sk-made-up-0123456789")
    assert row.kept("sk-made-up-0123456789") == "[redacted]"
