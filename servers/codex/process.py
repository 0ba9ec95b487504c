"""Run a codex process in its own group, talk to it through pipes, and make sure that it ends."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from mcp_models.servers.codex.program import kill_group
from mcp_models.servers.core import errors

LONGEST_LINE = 64 * 1024 * 1024
LAST_LINES = 8
END_SECONDS = 2.0
TOOL_REFUSED = "codex_core::tools::router: "
"""What codex 0.169.0 writes to stderr for each tool that a model calls, though it has none."""

COLOURS = r"\x1b\[[0-9;]*m"


class CodexProcess:
    """A running codex process.

    Args:
        process: The process. It must have pipes for all three streams, and its own process group.

    Attributes:
        refused_tools: How many calls of tools codex has refused, as it has none.
        most_refused: After how many of these to kill the process. None means never.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.refused_tools = 0
        self.most_refused: int | None = None
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._reading = asyncio.get_running_loop().create_task(self._read_stderr())

    @classmethod
    async def start(cls, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, fds: Sequence[int] = ()) -> CodexProcess:
        """Start a process.

        Raises:
            ConfigurationError: The process cannot be started.
        """
        pipe = asyncio.subprocess.PIPE
        options = {"env": env, "cwd": cwd, "pass_fds": fds, "limit": LONGEST_LINE, "start_new_session": True}
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, **options)  # type: ignore[arg-type]
        )
        try:
            return cls(await asyncio.shield(starting))
        except OSError as error:
            raise errors.ConfigurationError(f"{command[0]} cannot be run ({error.strerror}).") from error
        except ValueError as error:  # an argument contains NUL
            raise errors.InvalidRequestError(f"codex cannot be asked that: {error}.") from error
        except asyncio.CancelledError:  # otherwise asyncio leaves a half-started child, and waits for its pipes
            cls(await starting).kill()
            raise

    @property
    def pid(self) -> int:
        """The id of the process and of its group."""
        return self._process.pid

    def write(self, data: bytes) -> None:
        """Queue data for stdin. If the process has ended, the code that reads will notice."""
        if self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(data)

    def close_stdin(self) -> None:
        """Close stdin after everything is written. This makes app-server end by itself."""
        if self._process.stdin:
            self._process.stdin.close()

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield the lines of stdout until it is closed."""
        stdout = self._process.stdout
        assert stdout is not None
        with contextlib.suppress(ValueError, ConnectionError):  # a line that is far too long ends the reading
            while line := await stdout.readline():
                yield line

    def kill(self) -> None:
        """Kill the whole process group at once."""
        kill_group(self._process.pid)

    async def end(self) -> int | None:
        """Wait for the process to end, and kill it if that takes too long.

        Returns:
            The exit code. None if even the kill did not end it in time.
        """
        code = await self._wait()
        if code is None:
            self.kill()
            code = await self._wait()
        self._reading.cancel()
        return code

    def last_words(self) -> str:
        """Return the last lines of stderr."""
        said = [line for line in self._last if not line.startswith("WARNING")]
        return " ".join(said)[-600:] or "it said nothing"

    async def _wait(self) -> int | None:
        try:
            async with asyncio.timeout(END_SECONDS):
                return await self._process.wait()
        except TimeoutError:
            return None

    async def _read_stderr(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        with contextlib.suppress(ValueError, ConnectionError):
            while line := await stderr.readline():
                if text := re.sub(COLOURS, "", line.decode("utf-8", "replace")).strip():
                    self._last.append(text[:300])
                    self.refused_tools += TOOL_REFUSED in text
                    if self.most_refused is not None and self.refused_tools > self.most_refused:
                        self.kill()
