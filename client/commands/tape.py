"""Run `mcp-models tape record` and `mcp-models tape replay` in this process.

A host starts these and waits for the handshake, so import nothing here that they do not need, such as click.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def run(words: Sequence[str]) -> None:
    """Run `record FILE -- SERVER…` or `replay FILE`, in its plainest form. Return if it is any other: click reads that."""
    if words[:1] == ["record"] and len(words) > 3 and words[2] == "--" and not words[1].startswith("-"):
        record(words[1], words[3:])
    if words[:1] == ["replay"] and len(words) == 2 and not words[1].startswith("-"):
        replay(words[1])


def record(path: str, command: Sequence[str]) -> NoReturn:
    """Write what passes between this process's host and a server to a tape, and end as the server does."""
    from mcp_models.client.tapes import recorder

    code = recorder.record(path, command)
    recorder.end_as(code)


def replay(path: str, speed: float = 0.0, repeat: bool = False) -> NoReturn:
    """Answer as the server on a tape did. The exit code is 1 if something had no answer, and 2 if the tape is of no use."""
    from mcp_models.client.tapes.errors import TapeError
    from mcp_models.client.tapes.replay import replay as replay_tape

    code = 2
    try:
        code = replay_tape(path, speed, repeat)
    except TapeError as error:
        print(f"mcp-models: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        code = 130
    finally:
        os._exit(code)  # a thread may still be waiting for the time of a line
