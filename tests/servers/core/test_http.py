"""The HTTP client: which certificates it trusts, and how it reads a file of lines."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from mcp_models.servers.core.http import _authorities, lines, new_client


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """The TLS contexts that certificates were loaded into."""
    found: list[ssl.SSLContext] = []
    for name in ("load_verify_locations", "load_default_certs"):
        plain = getattr(ssl.SSLContext, name)

        def load(self: ssl.SSLContext, *arguments: Any, plain: Any = plain, **named: Any) -> None:
            found.append(self)
            plain(self, *arguments, **named)

        monkeypatch.setattr(ssl.SSLContext, name, load)
    return found


@pytest.mark.parametrize("url", ["https://api.example.com/v1", "https://localhost:8443", "http://box.example.com:11434"])
async def test_certificates_are_read_wherever_tls_may_come(url: str, contexts: list[ssl.SSLContext]) -> None:
    async with new_client(url):
        assert contexts


async def test_none_are_read_for_this_machine_without_tls_and_nobody_is_trusted_then(contexts: list[ssl.SSLContext]) -> None:
    async with new_client("http://127.0.0.1:11434"):
        assert not contexts
    nobody = _authorities("http://127.0.0.1:11434")
    assert isinstance(nobody, ssl.SSLContext)
    assert (nobody.verify_mode, nobody.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert nobody.cert_store_stats()["x509_ca"] == 0


@pytest.mark.parametrize("size", [1, 2, 7, 100])
async def test_lines_end_with_a_line_feed_only(size: int) -> None:
    text = '{"a": "\u2028\x0b"}\n\n{"b": 1}\r\n{"c": 2}'.encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(text), size):
            yield text[start : start + size]

    response = httpx2.Response(200, content=pieces())
    assert [line async for line in lines(response)] == text.split(b"\n")
