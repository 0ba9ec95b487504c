"""Access logs: one line of JSON a request, with what is known of it and nothing that was said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mcp_models.servers.streamable_http.access_log import AccessLog
from mcp_models.servers.streamable_http.token_file import TokenFile, TokenRecord, digest, encoded, new_token
from tests.peer import call, request, wait_until
from tests.servers.streamable_http.serving import quiet_echo, serving

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_line_tells_of_a_request_but_not_what_was_said(tmp_path: Path) -> None:
    lines: list[str] = []
    token, path = new_token(), tmp_path / "tokens.json"
    path.write_bytes(encoded({"alice": TokenRecord(digest(token), "2026-11-26")}))
    alice: dict[str, str | None] = {"authorization": f"Bearer {token}"}
    with serving([quiet_echo()], AccessLog(lines.append), authenticators=[TokenFile(str(path))]) as served:
        asked: list[tuple[dict[str, Any], dict[str, str | None]]] = [
            (call(1, {"prompt": "a secret plan"}, traceparent=TRACE), alice),
            (call(1, {"prompt": "a secret plan", "model": "echo-error-rate_limit"}), alice),
            (call(1, {"prompt": "a secret plan", "model": "no such\nmodel"}, progressToken=1), alice),
            (request(1, "a secret method"), alice),
            (request(1, "tools/list"), {"authorization": "Bearer mcpm_made-up"}),
        ]
        for message, headers in asked:
            before = len(lines)
            served.post(message, "/echo/mcp", **headers)
            wait_until(lambda before=before: len(lines) > before)
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    answered, limited, unknown, odd, stranger = (json.loads(line) for line in lines)
    times = {"time", "duration_ms", "call_ms", "first_text_ms"}
    assert _without(answered, times) == {
        "provider": "echo",
        "caller": "alice",
        "method": "tools/call",
        "status": 200,
        "tool": "complete",
        "model_asked": "echo",
        "model": "echo",
        "input_tokens": 3,
        "output_tokens": 3,
        "trace_id": TRACE.split("-")[1],
        "cost_usd": 0.0,
    }
    assert times <= set(answered)
    assert (limited["error_type"], unknown["error_type"], unknown["model_asked"]) == (
        "rate_limit",
        "model_not_found",
        "no such?model",
    )
    assert (odd["method"], stranger["status"]) == ("other", 401)
    assert not {"caller", "method"} & set(stranger)
    assert not any(secret in "".join(lines) for secret in ("secret", token, "made-up"))


def _without(fields: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}
