"""Refuse an HTTP request with a status and a JSON-RPC error, which is what MCP's clients read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_models.servers.core.protocol import ProtocolError, error_response

if TYPE_CHECKING:
    from mcp_models.servers.core.protocol import RequestId

HTTP_ERROR = -32010
"""The JSON-RPC code of a refusal that concerns HTTP alone. The status says more."""

HEADER_MISMATCH = -32020
"""The JSON-RPC code of 2026-07-28 for headers that do not say what the body says."""

Headers = list[tuple[str, str]]


class Refusal(Exception):
    """A request is not served.

    Args:
        status: The HTTP status.
        message: What is wrong and what to do.
        code: The JSON-RPC error code.
        headers: Further headers of the response.
        data: The error object's `data`.
        request_id: The request's id, if it is known.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: int = HTTP_ERROR,
        headers: Headers | None = None,
        data: Any = None,
        request_id: RequestId | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or []
        self._error = ProtocolError(code, message, data, request_id)

    def body(self) -> dict[str, Any]:
        """Return the JSON-RPC error to send."""
        return error_response(self._error)
