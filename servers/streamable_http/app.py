"""Define the ASGI app: who may ask, which provider is asked, and how many may ask at once."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
import traceback
from collections.abc import MutableMapping, Sequence
from typing import Any

from msgspec import Struct

from mcp_models.servers.core.protocol import INTERNAL_ERROR
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.redaction import redact
from mcp_models.servers.streamable_http.authentication import Authenticator, authenticated
from mcp_models.servers.streamable_http.endpoint import Endpoint, check_method
from mcp_models.servers.streamable_http.exchange import Exchange, Receive, Send
from mcp_models.servers.streamable_http.health import Health
from mcp_models.servers.streamable_http.observer import Observation, Observer
from mcp_models.servers.streamable_http.refusal import Refusal
from mcp_models.servers.streamable_http.request_headers import AllowedHosts, check_media

MAX_BODY_BYTES = 16 * 1024 * 1024
"""The longest body to accept, unless you say otherwise."""

MAX_REQUESTS = 500
"""How many requests may be in flight, unless you say otherwise. Further ones are refused with 503."""

RETRY_SECONDS = 2
"""What `Retry-After` says when the server is full."""

CLOSE_SECONDS = 5.0
"""How long the end may take, once no call runs any more or those that do have been cut off."""

METADATA_PATH = "/.well-known/oauth-protected-resource"


class Rules(Struct, frozen=True):
    """What the app allows.

    Attributes:
        url: The address under which clients reach the server, without a path. Tokens of an OAuth issuer are made out to it.
        allowed_hosts: The hosts and origins to accept.
        authenticators: They check the callers' tokens. Without any, anybody may ask.
        issuer: The OAuth issuer, for the metadata that clients look for.
        max_body: The longest body, in bytes.
        max_requests: How many requests may be in flight.
    """

    url: str
    allowed_hosts: AllowedHosts
    authenticators: list[Authenticator] = []
    issuer: str | None = None
    max_body: int = MAX_BODY_BYTES
    max_requests: int = MAX_REQUESTS


class App:
    """The ASGI app. Each provider has its endpoint at `/NAME/mcp`.

    Args:
        providers: The providers.
        rules: What the app allows.
        observer: Learns of each request to an endpoint.
    """

    def __init__(self, providers: Sequence[Provider], rules: Rules, observer: Observer | None = None) -> None:
        self.endpoints = {endpoint.path: endpoint for endpoint in map(Endpoint, providers)}
        self._rules, self._observer, self._health = rules, observer or Observer(), Health()
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve a request, or the start and the end of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(Exchange(scope, receive, send))

    async def _live(self, receive: Receive, send: Send) -> None:
        """Import the SDKs at the start, and close the providers at the end."""
        await receive()
        warming = asyncio.create_task(asyncio.to_thread(self._warm))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        warming.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._idle.wait()  # calls that were cut off have to settle
                closing = [endpoint.service.aclose() for endpoint in self.endpoints.values()]
                await asyncio.gather(*closing, self._observer.aclose(), return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})

    def _warm(self) -> None:
        for endpoint in self.endpoints.values():
            endpoint.provider.warm()

    async def _serve(self, exchange: Exchange) -> None:
        try:
            if exchange.path in ("/healthz", "/readyz"):
                await self._probe(exchange)
                return
            self._rules.allowed_hosts.check(exchange.headers)
            if exchange.path.startswith(METADATA_PATH):
                await self._describe(exchange)
                return
            endpoint = self.endpoints.get(exchange.path)
            if endpoint is None:
                raise Refusal(404, f"nothing is here; there are {', '.join(self.endpoints)}")
            await self._watched(exchange, endpoint)
        except Refusal as refusal:
            await exchange.reply(refusal.status, refusal.body(), refusal.headers)
        except Exception:  # no request may end without an answer
            traceback.print_exc(file=sys.stderr)
            if exchange.status is not None:
                raise
            await exchange.reply(500, Refusal(500, "the server failed", code=INTERNAL_ERROR).body())

    async def _watched(self, exchange: Exchange, endpoint: Endpoint) -> None:
        observation, started = Observation(endpoint.provider.name), time.monotonic()
        self._observer.begun(observation)
        try:
            await self._ask(exchange, endpoint, observation)
        except Refusal as refusal:
            exchange.status = refusal.status
            raise
        finally:
            observation.status, observation.streamed = exchange.status, exchange.has_begun
            observation.seconds = time.monotonic() - started
            self._observer.ended(observation)

    async def _ask(self, exchange: Exchange, endpoint: Endpoint, observation: Observation) -> None:
        """Have the endpoint answer, if the client may ask and there is room."""
        rules, audience = self._rules, self._rules.url + endpoint.path
        metadata_url = f"{rules.url}{METADATA_PATH}{endpoint.path}" if rules.issuer else None
        caller = await authenticated(exchange.headers, rules.authenticators, audience, metadata_url)
        observation.caller = caller.name
        check_method(exchange)
        check_media(exchange.headers)
        if self._in_flight >= rules.max_requests:
            raise Refusal(
                503,
                f"{rules.max_requests:,} requests are in flight: try again in {RETRY_SECONDS} s",
                headers=[("retry-after", str(RETRY_SECONDS)), ("connection", "close")],
            )
        self._in_flight += 1
        self._idle.clear()
        try:
            await endpoint.answer(exchange, await exchange.body(rules.max_body), caller, observation)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def _probe(self, exchange: Exchange) -> None:
        problem = await self._health.problem() if exchange.path == "/readyz" else ""
        await exchange.reply(503 if problem else 200, {"status": redact(problem) or "ok"})

    async def _describe(self, exchange: Exchange) -> None:
        """Send the protected-resource metadata of an endpoint (RFC 9728).

        Raises:
            Refusal: There is no such endpoint, or no issuer.
        """
        path = exchange.path.removeprefix(METADATA_PATH)
        if self._rules.issuer is None or path not in self.endpoints:
            raise Refusal(404, "there is no such metadata")
        await exchange.reply(
            200,
            {
                "resource": self._rules.url + path,
                "resource_name": self.endpoints[path].provider.title,
                "authorization_servers": [self._rules.issuer],
                "bearer_methods_supported": ["header"],
            },
        )
