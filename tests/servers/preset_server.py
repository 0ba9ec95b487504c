"""Start a preset's server with its fake behind it."""

from __future__ import annotations

import os
from typing import Any

from tests.fakes import PRESET_FAKES
from tests.fakes.endpoint import Reply
from tests.fakes.preset import FakePreset
from tests.peer import Peer
from tests.servers.contract import ask_again

FAKE_OF = {fake.provider: fake for fake in PRESET_FAKES}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


def environment(fake: FakePreset, **more: str) -> dict[str, str]:
    """Return the environment for a server that is to reach the fake."""
    return {**os.environ, **fake.environment(), "MCP_MODELS_MAX_RETRIES": "0", **more}


def ask(fake: FakePreset, server: Peer, *replies: Reply, **arguments: Any) -> dict[str, Any]:
    """Make a call that the fake answers with the replies, and return its record."""
    fake.script(*replies)
    return ask_again(server, **{"model": fake.model, **arguments})


class At:
    """A preset's server and its fake, for what only one provider does.

    Args:
        provider: The preset's name.
        env: Variables to add to the server's environment.
    """

    def __init__(self, provider: str, **env: str) -> None:
        self.fake = FAKE_OF[provider]()
        self.fake.__enter__()
        self.server = Peer(provider, env=environment(self.fake, **env))

    def __enter__(self) -> At:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.server.__exit__()
        self.fake.__exit__()

    def ask(self, *replies: Reply, **arguments: Any) -> dict[str, Any]:
        """Make a call that the fake answers with the replies, and return its record."""
        return ask(self.fake, self.server, *replies, **arguments)

    @property
    def body(self) -> dict[str, Any]:
        """The body of the last request."""
        return self.fake.requests[-1].body
