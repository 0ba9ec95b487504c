"""Use an MCP server at a URL as one that runs here: connect on first use, and again after the connection has ended."""

from __future__ import annotations

import os

from mcp_models.client.errors import ServerStartError
from mcp_models.client.http_session import HTTPSession
from mcp_models.client.server_handle import ServerHandle
from mcp_models.servers import server_modules
from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.redaction import protect
from mcp_models.servers.core.settings import provider_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mcp_models.client.server_handle import Session

TOKEN_VARIABLE = "MCP_MODELS_TOKEN"


class RemoteServer(ServerHandle):
    """An MCP server at a URL.

    Args:
        address: Where it is.
        start_timeout: Seconds that the connection and the handshake may take.
    """

    def __init__(self, address: Address, start_timeout: float) -> None:
        super().__init__([address.url], start_timeout=start_timeout)
        self._address = address

    def parameters(self, tool: str) -> set[str] | None:
        """Return the names of a tool's arguments. Our own servers are not asked: they say themselves what they do not take."""
        session = self._connect()
        names = {f"{name.replace('_', '-')}-mcp-server" for name in server_modules()}
        if isinstance(session, HTTPSession) and session.server_name in names:
            return None
        return super().parameters(tool)

    def _open(self) -> Session:
        return HTTPSession(self._address.url, self._address.token)


class Address:
    """A server's URL, with the token that it wants. The `repr` does not show the token.

    Args:
        url: The URL. It must be `https://`, or lead to this machine.
        token: A bearer token. None means that in MCP_MODELS_TOKEN, if it is set.

    Raises:
        ServerStartError: The URL makes no sense, or would send prompts in plain text to another machine.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        try:
            provider_url(os.environ, url, "server_script")
        except ConfigurationError as error:
            raise ServerStartError(str(error)) from None
        self.url = url
        self.token = (token if token is not None else os.environ.get(TOKEN_VARIABLE, "")).strip() or None
        if self.token is not None:
            protect(self.token)
            if not (self.token.isascii() and self.token.isprintable()) or " " in self.token:
                raise ServerStartError("the token holds a space, a line break or another character no token has")

    def __repr__(self) -> str:
        return f"Address({self.url!r})"


def is_url(server_script: object) -> bool:
    """Return whether what stands in the place of a server's script is a URL."""
    return isinstance(server_script, str) and server_script.lower().startswith(("http://", "https://"))
