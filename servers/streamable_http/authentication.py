"""Find out who asks: read the bearer token of a request and have it checked."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from mcp_models.servers.core.ledger.budget import Budget
from mcp_models.servers.streamable_http.refusal import Refusal
from mcp_models.servers.streamable_http.request_headers import RequestHeaders

LONGEST_TOKEN = 16_384
"""The most characters of a token to look at."""


class Caller(Struct, frozen=True):
    """Who asks.

    Attributes:
        name: The name for the ledger. None if nobody has to say who they are.
        budget: What this caller may spend or make, within the budget of the server.
    """

    name: str | None = None
    budget: Budget | None = None


ANYBODY = Caller()


class Authenticator(Protocol):
    """Something that checks tokens."""

    async def caller(self, token: str, audience: str) -> Caller | None:
        """Return whose token this is. None if it is not valid.

        Args:
            token: The token as it was sent.
            audience: The URL of the endpoint that was asked.

        Raises:
            Refusal: The token cannot be checked now (503).
        """
        ...


async def authenticated(
    headers: RequestHeaders, authenticators: list[Authenticator], audience: str, metadata_url: str | None
) -> Caller:
    """Return who asks.

    Args:
        headers: The request's headers.
        authenticators: They check the token. Without any, anybody may ask.
        audience: The URL of the endpoint that was asked.
        metadata_url: Where clients find the OAuth issuer, for the challenge. None if there is none.

    Raises:
        Refusal: There is no token, or no valid one (401).
    """
    if not authenticators:
        return ANYBODY
    given = headers.all("authorization")
    kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    token = token.strip()
    if kind.lower() != "bearer" or not token:
        raise _unauthorized("Authorization: expected `Bearer TOKEN`", "", metadata_url)
    if len(token) <= LONGEST_TOKEN:
        for authenticator in authenticators:
            if caller := await authenticator.caller(token, audience):
                return caller
    raise _unauthorized("Authorization: the token is not valid, or not any more", "invalid_token", metadata_url)


def _unauthorized(said: str, error: str, metadata_url: str | None) -> Refusal:
    parts = [f'resource_metadata="{metadata_url}"'] if metadata_url else []
    parts += [f'error="{error}"'] if error else []
    return Refusal(401, said, headers=[("www-authenticate", f"Bearer {', '.join(parts)}".strip())])
