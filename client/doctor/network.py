"""Check whether an address answers: look up its name, connect, and do the TLS handshake, each with a limit on the wait."""

from __future__ import annotations

import socket
import ssl
import time
import urllib.request
from urllib.parse import urlsplit

from mcp_models.client.bounded import within
from mcp_models.servers.core.settings import is_loopback

SECONDS = 5.0
"""How long each step may take, in seconds."""


class UnreachableError(Exception):
    """The address does not answer as it should.

    Args:
        message: What happened.
        cure: What to do about it.
    """

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


def reach(url: str, seconds: float = SECONDS) -> str:
    """Connect to a URL's host, and return in words what answered and how long it took.

    If the environment names a proxy for it, the proxy is connected to instead.

    Args:
        url: An http(s) URL.
        seconds: How long each step may take.

    Raises:
        UnreachableError: A step failed.
    """
    proxy = proxy_of(url)
    target = urlsplit(proxy or url)
    host, port = target.hostname or "", target.port or (443 if target.scheme == "https" else 80)
    where = f"the proxy {host}:{port}" if proxy else f"{host}:{port}"
    started = time.monotonic()
    with _connected(host, port, where, seconds) as connection:
        spoke = "TCP"
        if target.scheme == "https":
            _shake_hands(connection, host, where)
            spoke = "TLS"
    return f"{where} answers ({spoke}, {(time.monotonic() - started) * 1000:.0f} ms)"


def proxy_of(url: str) -> str | None:
    """Return the proxy that the environment names for a URL. None if there is none, as for every loopback address."""
    parts = urlsplit(url)
    if is_loopback(url) or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    proxies = urllib.request.getproxies()
    named = proxies.get(parts.scheme) or proxies.get("all")
    return f"http://{named}" if named and "://" not in named else named


def _connected(host: str, port: int, where: str, seconds: float) -> socket.socket:
    try:
        # The system's own look-up of a name has no limit that can be set here.
        within(seconds, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except TimeoutError:
        raise UnreachableError(f"the name {host} was not found within {seconds:g} s", "check the network and its DNS") from None
    except OSError:
        raise UnreachableError(f"there is no host {host}", "check the address, the network and its DNS") from None
    try:
        return socket.create_connection((host, port), timeout=seconds)
    except TimeoutError:
        cure = "check the network, its firewall and HTTPS_PROXY"
        raise UnreachableError(f"{where} did not answer within {seconds:g} s", cure) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreachableError(f"nothing listens at {where} ({reason})", "check the address and the network") from None


def _shake_hands(connection: socket.socket, host: str, where: str) -> None:
    """Do the TLS handshake with the certificates that the servers use, too."""
    try:
        _context().wrap_socket(connection, server_hostname=host).close()
    except TimeoutError:
        cure = "check the address: a server that speaks TLS answers at once"
        raise UnreachableError(f"{where} takes connections but does not answer in TLS", cure) from None
    except ssl.SSLCertVerificationError as error:
        cure = "if your company's proxy signs it, set SSL_CERT_FILE to the file with its certificate"
        raise UnreachableError(f"the certificate of {where} is not trusted ({error.verify_message})", cure) from None
    except (ssl.SSLError, OSError) as error:
        said = getattr(error, "reason", None) or type(error).__name__
        cure = "check the address: should it begin with http:// instead of https://?"
        raise UnreachableError(f"{where} does not speak TLS ({said})", cure) from None


def _context() -> ssl.SSLContext:
    try:
        from httpx2 import create_ssl_context
    except ImportError:
        return ssl.create_default_context()
    return create_ssl_context()
