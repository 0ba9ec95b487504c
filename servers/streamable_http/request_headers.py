"""Read the headers of an HTTP request, and check those that say who asks for what."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from mcp_models.servers.streamable_http.refusal import Refusal

JSON = "application/json"
EVENTS = "text/event-stream"


class RequestHeaders:
    """The headers of a request, without the blanks around their values, which some parsers leave there.

    Args:
        pairs: The names, in lower case, and the values, as ASGI has them.
    """

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._pairs = [(name.decode("latin-1"), value.strip(b" \t").decode("latin-1")) for name, value in pairs]

    def all(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for found, value in self._pairs if found == name]

    def get(self, name: str) -> str | None:
        """Return a header's first value, or None if there is no such header."""
        return next(iter(self.all(name)), None)


class AllowedHosts:
    """The names under which this server may be reached, against DNS rebinding.

    Args:
        hosts: What the `Host` header may be: `name` or `name:port`.
        origins: What the `Origin` header may be besides these hosts: `https://name`.
    """

    def __init__(self, hosts: Iterable[str], origins: Iterable[str] = ()) -> None:
        self._hosts = {host.lower() for host in hosts}
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    def check(self, headers: RequestHeaders) -> None:
        """Check that the request was meant for this server, and comes from no foreign web page.

        Raises:
            Refusal: 421 for another host, 403 for another origin.
        """
        hosts = headers.all("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise Refusal(421, "Host: this server is not known by that name; `--url` and `--allow-host` tell it its names")
        for origin in headers.all("origin"):
            if origin.lower() not in self._origins and _host_of(origin.lower()) not in self._hosts:
                raise Refusal(403, "Origin: this server takes no requests from that site; `--allow-origin` allows one")


def check_media(headers: RequestHeaders) -> None:
    """Check that a POST has JSON, and that its sender takes JSON and event streams, as MCP requires of it.

    Raises:
        Refusal: 415 or 406.
    """
    if _media_type(headers.get("content-type") or "") != JSON:
        raise Refusal(415, f"Content-Type: expected {JSON}")
    accepted = [_media_type(part) for value in headers.all("accept") for part in value.split(",")]
    for wanted in (JSON, EVENTS) if accepted else ():
        if not {wanted, f"{wanted.split('/')[0]}/*", "*/*"}.intersection(accepted):
            raise Refusal(406, f"Accept: expected {JSON} and {EVENTS}")


def _host_of(origin: str) -> str:
    """Return an origin's host and port. It is empty if there is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # half of an IPv6 address
        return ""


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()
