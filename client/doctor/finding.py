"""Define `Finding`, which is what a check finds out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Mark = Literal["ok", "note", "problem"]
"""Whether all is well, or there is something to know, or something is broken."""


@dataclass(frozen=True)
class Finding:
    """One line of what `mcp-models doctor` found."""

    about: str
    """The provider or the host that was checked."""

    check: str
    """The name of the check, such as `key`."""

    mark: Mark
    said: str
    """What was found, in words for people. It never has a key."""

    cure: str = ""
    """What to do about it: a command, or a sentence. Empty if there is nothing to do."""

    def record(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return asdict(self)
