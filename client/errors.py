"""Define the errors of the bridge itself. A provider's failure is a result, not an exception.

RuntimeError
└── SessionError             something went wrong between this process and the server
    ├── ServerStartError     the command could not be started
    ├── ServerExitedError    the process ended, or closed its stdout
    ├── ServerTimeoutError   no answer within the time allowed
    └── ServerProtocolError  an answer that is not MCP, or an MCP error
json.JSONDecodeError
└── ServerJSONError          a line on stdout that is not JSON (also a SessionError)
"""

from __future__ import annotations

import json


class SessionError(RuntimeError):
    """Something went wrong between this process and the server.

    Args:
        message: What happened.
        exit_code: The server's exit code, negative for a signal. None while it runs.
        stderr: The last lines of the server's stderr, with secrets removed.
    """

    def __init__(self, message: str, exit_code: int | None = None, stderr: str = "") -> None:
        details = f" (exit code {exit_code})" if exit_code is not None else ""
        tail = f"; its stderr ended with:\n{stderr}" if stderr else ""
        super().__init__(f"{message}{details}{tail}")
        self.exit_code = exit_code
        self.stderr = stderr

    def again(self) -> SessionError:
        """Return a copy of the error for another thread, because raising an error adds that thread's traceback to it."""
        twin = type(self).__new__(type(self))
        twin.args = self.args
        twin.__dict__.update(self.__dict__)
        return twin


class ServerStartError(SessionError):
    """The command could not be started."""


class ServerExitedError(SessionError):
    """The server ended or closed its stdout while it was needed. The next call starts it again."""


class SessionForgottenError(ServerExitedError):
    """The server at a URL keeps sessions, and has none of ours any more. The next call begins a new one."""


class ServerTimeoutError(SessionError):
    """The server did not answer in time."""


class ServerProtocolError(SessionError):
    """The server answered with an MCP error, or with something that is not MCP."""


class ServerJSONError(SessionError, json.JSONDecodeError):
    """The server wrote a line that is not JSON.

    Args:
        message: What happened.
        line: The line.
        reason: The decoder's message.
    """

    def __init__(self, message: str, line: str, reason: str) -> None:
        json.JSONDecodeError.__init__(self, f"{message}: {reason}", line, 0)
        self.exit_code = None
        self.stderr = ""

    def __reduce__(self) -> tuple[object, ...]:
        # Bypass `__init__` when unpickling, as it would compose the message a second time.
        return type(self).__new__, (type(self), *self.args), self.__dict__
