"""Tell the era of a message, and check that the headers of 2026-07-28 say what its body says.

The rules are those of https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core.protocol import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    LEGACY_VERSIONS,
    META_CAPABILITIES,
    META_VERSION,
    METHOD_NOT_FOUND,
    MODERN_VERSIONS,
    PARSE_ERROR,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from mcp_models.servers.streamable_http.refusal import HEADER_MISMATCH, Refusal
from mcp_models.servers.streamable_http.request_headers import RequestHeaders

if TYPE_CHECKING:
    from mcp_models.servers.core.protocol import RequestId

VERSION_HEADER = "mcp-protocol-version"
METHOD_HEADER = "mcp-method"
NAME_HEADER = "mcp-name"


def is_modern(message: Any, headers: RequestHeaders) -> bool:
    """Return whether a message is of the modern era. Whatever else is wrong with it, `protocol.receive` will say.

    Args:
        message: The decoded body, whatever it is.
        headers: The request's headers.

    Raises:
        Refusal: The headers contradict the body, or name a version that this server does not speak.
    """
    version, request_id = headers.get(VERSION_HEADER), _id_of(message)
    for name in (VERSION_HEADER, METHOD_HEADER, NAME_HEADER):
        if len(headers.all(name)) > 1:
            raise _mismatch(f"{name}: expected it once", request_id)
    meta = _meta_of(message)
    if META_VERSION in meta and META_CAPABILITIES in meta:
        _check_agreement(message, meta, headers)
        return True
    if version is not None and version not in LEGACY_VERSIONS:
        if version not in MODERN_VERSIONS:
            data = {"supported": list(MODERN_VERSIONS), "requested": version}
            raise Refusal(
                400,
                f"{VERSION_HEADER}: unsupported version",
                code=UNSUPPORTED_PROTOCOL_VERSION,
                data=data,
                request_id=request_id,
            )
        if request_id is not None and not is_response(message):
            said = f"_meta: expected {META_VERSION} and {META_CAPABILITIES}, as {VERSION_HEADER} is {version}"
            raise Refusal(400, said, code=INVALID_PARAMS, request_id=request_id)
        return True
    return META_VERSION in meta or META_CAPABILITIES in meta or _get(message, "method") == "server/discover"


def is_response(message: Any) -> bool:
    """Return whether a message answers a request, which this server never makes."""
    return isinstance(message, dict) and "method" not in message and ("result" in message or "error" in message)


def status_of(response: dict[str, Any], modern: bool) -> int:
    """Return the HTTP status for a JSON-RPC response. In the older era, most errors come with 200."""
    code = response["error"]["code"] if "error" in response else None
    if code is None:
        return 200
    if not modern and code not in (PARSE_ERROR, INVALID_REQUEST):
        return 200
    return {METHOD_NOT_FOUND: 404, INTERNAL_ERROR: 500}.get(code, 400)


def _check_agreement(message: Any, meta: dict[str, Any], headers: RequestHeaders) -> None:
    request_id, method = _id_of(message), _get(message, "method")
    if headers.get(VERSION_HEADER) != meta[META_VERSION]:
        raise _mismatch(f"{VERSION_HEADER}: expected what `_meta` has in {META_VERSION}", request_id)
    if headers.get(METHOD_HEADER) != method:
        raise _mismatch(f"{METHOD_HEADER}: expected the body's `method`", request_id)
    name = message["params"].get("name")
    if method == "tools/call" and name is not None and _decoded(headers.get(NAME_HEADER)) != name:
        raise _mismatch(f"{NAME_HEADER}: expected the body's `params.name`", request_id)


def _mismatch(said: str, request_id: RequestId | None) -> Refusal:
    return Refusal(400, said, code=HEADER_MISMATCH, request_id=request_id)


def _decoded(value: str | None) -> str | None:
    """Return a header's value, decoded if it is in Base64. None if that is broken, so that it equals nothing."""
    found = re.fullmatch(r"=\?base64\?(.*)\?=", value or "")
    if value is None or found is None:
        return value
    try:
        raw = base64.b64decode(found[1], validate=True)
        return raw.decode() if base64.b64encode(raw).decode() == found[1] else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _meta_of(message: Any) -> dict[str, Any]:
    meta = _get(_get(message, "params"), "_meta")
    return meta if isinstance(meta, dict) else {}


def _id_of(message: Any) -> RequestId | None:
    request_id = _get(message, "id")
    return request_id if isinstance(request_id, (str, int)) and not isinstance(request_id, bool) else None


def _get(holder: Any, key: str) -> Any:
    return holder.get(key) if isinstance(holder, dict) else None
