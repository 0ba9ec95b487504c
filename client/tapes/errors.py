"""Define what can go wrong with a tape."""

from __future__ import annotations

from mcp_models.client.errors import SessionError


class TapeError(SessionError):
    """A tape cannot be read or written."""


class NotOnTapeError(TapeError):
    """The tape has no answer to what was asked. The message quotes the question, the nearest recording and the difference."""
