"""The errors: a closed set of types, their statuses, and no secrets in messages."""

from __future__ import annotations

import pytest

from mcp_models.servers.core import errors

TYPES = [
    *("configuration", "authentication", "permission", "billing", "rate_limit", "overloaded", "timeout", "connection"),
    *("invalid_request", "model_not_found", "context_length", "refusal", "content_filter", "empty_output"),
    *("provider_error", "internal"),
]


def test_the_types_are_closed() -> None:
    assert list(errors.ERROR_TYPES) == TYPES


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = [line.split() for line in (errors.__doc__ or "").splitlines() if "──" in line]
    assert [(row[1], row[2]) for row in drawn] == [(cls.__name__, name) for name, cls in errors.ERROR_TYPES.items()]


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "invalid_request", False),
        (401, "authentication", False),
        (402, "billing", False),
        (403, "permission", False),
        (404, "model_not_found", False),
        (405, "invalid_request", False),
        (408, "timeout", True),
        (409, "provider_error", True),
        (413, "context_length", False),
        (422, "invalid_request", False),
        (429, "rate_limit", True),
        (500, "provider_error", True),
        (502, "provider_error", True),
        (503, "overloaded", True),
        (504, "timeout", True),
        (529, "overloaded", True),
    ],
)
def test_statuses(status: int, kind: str, retryable: bool) -> None:
    error = errors.from_status(status, "said so.")
    assert (error.type, error.retryable, error.status) == (kind, retryable, status)


def test_a_message_holds_no_secret() -> None:
    assert errors.ProviderError("bad key sk-proj-abcdefgh").message == "bad key [redacted]"
