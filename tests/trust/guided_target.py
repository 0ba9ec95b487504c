"""Feed bytes that atheris chooses by the code they reach to what reads lines: protocol, arguments, and the bridge.

Run by `fuzz_guided.py`, with atheris on the path. An exception that nobody expects ends it, and libFuzzer prints the bytes.
"""

import json
import sys
from contextlib import suppress

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["mcp_models"], enable_loader_override=False):
    from mcp_models.client.errors import ServerProtocolError
    from mcp_models.client.tool_result import read_tool_result
    from mcp_models.servers.core.arguments import parse_arguments
    from mcp_models.servers.core.errors import InvalidRequestError
    from mcp_models.servers.core.protocol import ToolCall, receive
    from mcp_models.servers.core.transport import json_codec
    from mcp_models.servers.core.transport.lines import LineBuffer, LineTooLongError

from tests.servers.core.test_protocol import SERVER
from tests.trust.fuzz_oracle import Oracle


def one_input(data: bytes) -> None:
    """Read the bytes as a server does, and as the bridge does."""
    buffer = LineBuffer(limit=100_000)
    half = len(data) // 2
    for line in [*buffer.feed(data[:half]), *buffer.feed(data[half:]), *buffer.rest()]:
        if not isinstance(line, LineTooLongError):
            as_server(line)
            as_bridge(line)


def as_server(line: bytes) -> None:
    """Give a line to the protocol, and a call's arguments to the service."""
    oracle = Oracle()
    oracle.sent(line)
    action = receive(line, SERVER)
    if isinstance(action, dict):
        oracle.received(json_codec.encode(action))
        assert not oracle.wrong, oracle.wrong
        assert oracle.done, f"still owed: {oracle.owed} {oracle.errors}"
    elif isinstance(action, ToolCall):
        try:
            parse_arguments(action.arguments)
        except InvalidRequestError as error:
            json.dumps(error.message)


def as_bridge(line: bytes) -> None:
    """Read a line as the result of a tool, from somebody else's server."""
    try:
        value = json_codec.decode(line)
    except ValueError:
        return
    if isinstance(value, dict):
        with suppress(ServerProtocolError):
            read_tool_result(value, "other", "m")


atheris.Setup(sys.argv, one_input)
atheris.Fuzz()
