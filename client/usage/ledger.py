"""Open the ledger for a report: take over what killed processes left, and say what to do if it cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mcp_models.servers.core.ledger.pending import left_behind
from mcp_models.servers.core.ledger.store import Store, StoreError
from mcp_models.servers.core.ledger.target import Target, ledger_target
from mcp_models.servers.core.redaction import redact
from mcp_models.servers.core.settings import LEDGER_VARIABLE

HOW_ROWS_COME = "Each call through a server, a model or `mcp-models complete` adds a row"

_CURES = (
    (("locked", "lock timeout", "statement timeout"), "Another program holds it: end that one, or try again later."),
    (
        ("readonly", "read-only", "permission denied", "unable to open", "is a directory"),
        f"Let your user write to it and to its folder, or name another with {LEDGER_VARIABLE}.",
    ),
    (
        ("not a database", "malformed", "no such table", "no such column"),
        "Move the file away, and the next call makes a new one. `sqlite3 FILE .recover` saves what can be read.",
    ),
    (("disk is full", "no space"), "Make room on the disk."),
    (
        ("connection", "authentication", "does not exist", "could not translate"),
        f"Check that the PostgreSQL runs, and its address in {LEDGER_VARIABLE}.",
    ),
)


class LedgerError(Exception):
    """There is no ledger to read. The message says why, and what to do."""


@contextmanager
def opened(env: Mapping[str, str]) -> Iterator[tuple[Store, Target]]:
    """Open the ledger that MCP_MODELS_LEDGER names, and close it at the end.

    Raises:
        ConfigurationError: MCP_MODELS_LEDGER makes no sense.
        LedgerError: There is no ledger, or it cannot be used.
    """
    target = ledger_target(env)
    if target is None:
        raise LedgerError(f"the ledger is off. {HOW_ROWS_COME} if {LEDGER_VARIABLE} is not `off`.")
    segments = list(left_behind(target.pending_folder()))
    if not segments and not target.is_postgres and not os.path.exists(target.place):
        raise LedgerError(f"there is no ledger at {target} yet. {HOW_ROWS_COME}; {LEDGER_VARIABLE} names another file.")
    try:
        store = target.open()
        try:
            if segments:
                store.write([row for segment in segments for row in segment.rows()], [])
            for segment in segments:
                segment.remove()
            yield store, target
        finally:
            store.close()
    except StoreError as error:
        raise LedgerError(redact(f"the ledger {target} cannot be read: {error}. {_cure(str(error))}".rstrip())) from error


def _cure(reason: str) -> str:
    lower = reason.lower()
    return next((cure for words, cure in _CURES if any(word in lower for word in words)), "")
