"""Define the ways the bridge itself can fail. A provider's failure is a result, not an exception.

RuntimeError
└── SessionError             whatever is wrong between this process and the server
    ├── ServerStartError     the command could not be started
    ├── ServerExitedError    the process ended, or closed its stdout
    ├── ServerTimeoutError   no answer within the time allowed
    └── ServerProtocolError  an answer that is no MCP, or an MCP error
json.JSONDecodeError
└── ServerJSONError          a line on stdout that is no JSON (also a SessionError)
"""

from __future__ import annotations

import json


class SessionError(RuntimeError):
    """The bridge to a server failed.

    Args:
        message: What happened.
        exit_code: The server's exit code, negative for a signal, None while it runs.
        stderr: The last lines of its stderr, secrets removed.
    """

    def __init__(self, message: str, exit_code: int | None = None, stderr: str = "") -> None:
        details = f" (exit code {exit_code})" if exit_code is not None else ""
        tail = f"; its stderr ended with:\n{stderr}" if stderr else ""
        super().__init__(f"{message}{details}{tail}")
        self.exit_code = exit_code
        self.stderr = stderr

    def again(self) -> SessionError:
        """Return the same error for another thread, as each adds its own traceback to the one it raises."""
        twin = type(self).__new__(type(self))
        twin.args = self.args
        twin.__dict__.update(self.__dict__)
        return twin


class ServerStartError(SessionError):
    """The command could not be started."""


class ServerExitedError(SessionError):
    """The server ended or closed its stdout while it was needed; the next call starts it again."""


class ServerTimeoutError(SessionError):
    """The server did not answer in time."""


class ServerProtocolError(SessionError):
    """The server answered with an MCP error or with something that is no MCP."""


class ServerJSONError(SessionError, json.JSONDecodeError):
    """The server wrote a line that is no JSON.

    Args:
        message: What happened.
        line: The line.
        reason: What the decoder said.
    """

    def __init__(self, message: str, line: str, reason: str) -> None:
        json.JSONDecodeError.__init__(self, f"{message}: {reason}", line, 0)
        self.exit_code = None
        self.stderr = ""

    def __reduce__(self) -> tuple[object, ...]:
        # As it is, with its words: to make it anew would put them together once more.
        return type(self).__new__, (type(self), *self.args), self.__dict__
