"""Check the tokens of an OAuth issuer: JWTs that are made out to the endpoint that was asked."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import jwt

from mcp_models.servers.core import settings
from mcp_models.servers.streamable_http.authentication import Caller
from mcp_models.servers.streamable_http.refusal import Refusal

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""The signatures to accept. All have a public key, so that this server cannot make tokens itself."""

LEEWAY_SECONDS = 30
"""How far the issuer's clock may be off."""

FETCH_SECONDS = 5.0
"""How long the issuer may be silent."""

TOTAL_SECONDS = 15.0
"""How long all of its answers may take. They come in a thread, which is left alone after that."""

MAX_BYTES = 1 << 20
"""The most bytes of its answer to read."""

KEYS_SECONDS = 600.0
"""How long the issuer's keys are kept."""

RETRY_SECONDS = 10.0
"""How long the issuer is left alone after it was asked. Otherwise made-up tokens would make us ask it again and again."""

logger = logging.getLogger("mcp_models")


class Issuer:
    """An OAuth issuer.

    Args:
        url: Its identifier, as in its tokens' `iss`.
        keys_url: Where its keys are (JWKS). None means where its metadata says.
        audience: What its tokens' `aud` has. None means the endpoint's own URL, as RFC 8707 has it.
    """

    def __init__(self, url: str, keys_url: str | None = None, audience: str | None = None) -> None:
        self._url, self._keys_url, self._audience = url, keys_url, audience
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = self._asked_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def caller(self, token: str, audience: str) -> Caller | None:
        """Return the token's subject, if the token is valid.

        Raises:
            Refusal: The issuer's keys cannot be had (503).
        """
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                return None
            key = await self._key(header.get("kid"))
            if key is None:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._audience or audience,
                issuer=self._url,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "aud", "iss", "sub"]},
            )
        except jwt.PyJWTError:
            return None
        return Caller(claims["sub"]) if isinstance(claims["sub"], str) and claims["sub"] else None

    async def _key(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return a key. Ask the issuer if it is not known, or was fetched long ago.

        A key that is known and fresh is there at once, whatever others wait for: anybody can make up the id of a key.
        """
        if not self._is_fresh(key_id):
            async with self._fetching:
                now = time.monotonic()
                if not self._is_fresh(key_id) and now - self._asked_at > RETRY_SECONDS:
                    self._asked_at = now
                    await self._refresh()
        if not self._keys:
            raise Refusal(503, "tokens cannot be checked now: the issuer's keys cannot be had")
        return self._keys.get(key_id)

    def _is_fresh(self, key_id: str | None) -> bool:
        return key_id in self._keys and time.monotonic() - self._fetched_at <= KEYS_SECONDS

    async def _refresh(self) -> None:
        """Fetch the keys. If that fails, the old ones stay."""
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                self._keys = await asyncio.to_thread(self._fetch_keys)
            self._fetched_at = time.monotonic()
        except Exception as error:  # whatever the issuer answers, the request gets an answer
            logger.warning(f"the keys of {self._url} cannot be had: {type(error).__name__}")

    def _fetch_keys(self) -> dict[str | None, jwt.PyJWK]:
        """Fetch the issuer's keys by their ids. A lone key needs none.

        Raises:
            OSError: The issuer does not answer.
            ValueError: Its answer makes no sense.
            PyJWTError: There is no key in it that can be used.
        """
        published = jwt.PyJWKSet.from_dict(_fetch(self._keys_url or self._advertised())).keys
        # A secret that is published is none, and a key for encryption signs nothing.
        found = [key for key in published if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig")]
        keys: dict[str | None, jwt.PyJWK] = {key.key_id: key for key in found}
        return {**keys, None: found[0]} if len(found) == 1 else keys

    def _advertised(self) -> str:
        """Return where the issuer's metadata says that its keys are."""
        parts = urlsplit(self._url)
        path = parts.path.rstrip("/")
        places = (
            f"{self._url.rstrip('/')}/.well-known/openid-configuration",
            f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}",
        )
        for place in places:
            try:
                metadata = _fetch(place)
            except (OSError, ValueError):
                continue
            if metadata.get("issuer") == self._url and isinstance(keys_url := metadata.get("jwks_uri"), str):
                return keys_url
        raise ValueError("no metadata of this issuer with `jwks_uri`")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow no redirect, as it could lead to plain HTTP or into another network."""

    def redirect_request(self, *_: Any) -> None:
        """Return no request, so that the answer counts as an error."""


_opener = urllib.request.build_opener(_NoRedirect)


def _fetch(url: str) -> dict[str, Any]:
    """Return the object at a URL.

    Raises:
        OSError: There is no answer, or it is an error.
        ValueError: The URL would bring keys in plain text from another machine, or the answer is no object.
    """
    may_be_plain = settings.is_loopback(url) or settings.flag(os.environ, settings.ALLOW_HTTP_VARIABLE)
    if urlsplit(url).scheme not in (("https", "http") if may_be_plain else ("https",)):  # urllib would open files too
        raise ValueError("not a URL that keys may come from")
    with _opener.open(url, timeout=FETCH_SECONDS) as response:
        document = json.loads(response.read(MAX_BYTES))
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return document
