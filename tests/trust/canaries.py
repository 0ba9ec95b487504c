"""Make canary keys, and search for them in everything that left a process."""

from __future__ import annotations

import base64
import secrets
import urllib.parse
from dataclasses import dataclass, field

from tests.fakes.endpoint import Request

VARIABLES = {
    "anthropic": "ANTHROPIC_API_KEY",
    "anthropic_ollama": "ANTHROPIC_AUTH_TOKEN",
    "devstral_local": "DEVSTRAL_API_KEY",
    "google_ai_studio": "GOOGLE_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "ollama": "OLLAMA_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}
"""The variable of each provider's key. One preset stands for all of them."""

FOREIGN = "AWS_SECRET_KEY"
"""The variable of a secret that belongs to no provider."""

KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key")
"""The headers that a provider's own key belongs in."""


def canary(name: str) -> str:
    """Return a new key that does not look like a provider's, so that only its value can give it away."""
    return f"canary.{name}.{secrets.token_hex(12)}"


def canaries() -> dict[str, str]:
    """Return a new key for every variable of a provider's key, and one that belongs to no provider."""
    return {variable: canary(name) for name, variable in VARIABLES.items()} | {FOREIGN: canary("foreign")}


def forms(key: str) -> set[bytes]:
    """Return a key as it may be written: plain, escaped as in a URL or a JSON string, and in base64 at any offset."""
    raw = key.encode("utf-8", "surrogateescape")
    found = {raw, urllib.parse.quote(raw, safe="").encode(), repr(key)[1:-1].encode(), raw.hex().encode()}
    for offset in range(3):  # the first and the last characters depend on what stands beside the key
        coded = base64.b64encode(b"x" * offset + raw)
        found.add(coded[4 if offset else 0 : -4])
    return found


@dataclass
class Search:
    """Search what has left a process, and count.

    Attributes:
        keys: The canaries, each with the variable that holds it. You can add to them with `add`.
        searched: How many texts were searched, for every canary.
        size: How many bytes that was.
        leaks: Where a canary was found.
    """

    keys: dict[str, str]
    searched: int = 0
    size: int = 0
    leaks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._forms = {variable: forms(key) for variable, key in self.keys.items()}

    def add(self, variable: str, key: str) -> None:
        """Search for one more canary from now on."""
        self.keys[variable] = key
        self._forms[variable] = forms(key)

    def left(self, where: str, what: object, allowed: str | None = None) -> None:
        """Search something that left the process: bytes, or the text or the `repr` of anything else.

        Args:
            where: What it is, for the report.
            what: What left.
            allowed: The variable whose key belongs there.
        """
        raw = what if isinstance(what, bytes) else str(what).encode("utf-8", "surrogateescape")
        self.searched += 1
        self.size += len(raw)
        for variable, ways in self._forms.items():
            found = next((way for way in ways if way in raw), None) if variable != allowed else None
            if found is not None:
                place = raw.index(found)
                self.leaks.append(f"{variable} in {where}: …{raw[max(place - 60, 0) : place + len(found) + 20]!r}…")

    def request(self, where: str, request: Request, owner: str) -> None:
        """Search a request that a fake received. The key of its own provider belongs in the headers for keys only."""
        for name, value in request.headers.items():
            self.left(f"{where}, header {name}", value, owner if name in KEY_HEADERS else None)
        self.left(f"{where}, path", request.path)
        self.left(f"{where}, body", repr(request.body))
