"""The HTTP client: which certificates it trusts."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from mcp_models.servers.core.http import _authorities, new_client


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
