"""Define `MCPModel`, which turns any MCP server with a completion-like tool into a model with `call()`."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from importlib import util

from mcp_models.client import fork_safety
from mcp_models.client.child_environment import check_variable, key_variable, server_environment
from mcp_models.client.errors import ServerExitedError, ServerProtocolError, ServerStartError
from mcp_models.client.model import Model
from mcp_models.client.server_handle import START_SECONDS
from mcp_models.client.server_pool import POOL
from mcp_models.servers import server_modules
from mcp_models.servers.core.protocol import META_DELTA
from mcp_models.servers.core.redaction import protect, protect_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from mcp_models.client.pending_call import PendingCall
    from mcp_models.client.pending_requests import OnProgress
    from mcp_models.client.remote_server import Address
    from mcp_models.client.server_handle import ServerHandle
    from mcp_models.client.server_pool import Lease
    from mcp_models.client.stream import OnText

TOOL_NAME = "complete"

_OF_THIS_PROCESS = ("_in_flight", "_lock", "_lease", "_release")


class MCPModel(Model):
    """A model behind an MCP server, which runs as a child process. Models with the same command and environment share it.

    Args:
        provider: The provider's name, for results and for the environment. The server gets this provider's variables, but
            not those of other providers.
        model_name: The model to ask. None means the server's default.
        server_script: The server. This can be the path of a `.py` file (absolute, or relative to the current folder and
            then to the installed servers), the name of an installed server such as `groq`, a module's name, a whole
            command as a sequence of words, or the URL of a server that speaks Streamable HTTP.
        api_key: A key for the provider. It is passed to the server in its environment only.
        tool_name: The name of the server's tool.
        prompt_argument: The tool's name for the prompt. A tool that is not ours gets only the arguments that it lists.
        env: Variables for the server. They are added to those that it gets anyway, or replace them.
        timeout: Seconds that a call may take, unless the call sets its own. None means MCP_MODELS_TIMEOUT or 600.
        start_timeout: Seconds that the server may take to start.
        token: A bearer token for a server at a URL. None means that in MCP_MODELS_TOKEN, if it is set.
    """

    api_key_variable: str | None = None
    """The environment variable for `api_key`. None means a preset's own, or the provider's name followed by `_API_KEY`."""

    def __init__(
        self,
        provider: str,
        model_name: str | None,
        server_script: str | os.PathLike[str] | Sequence[str],
        api_key: str | None = None,
        *,
        tool_name: str = TOOL_NAME,
        prompt_argument: str = "prompt",
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        start_timeout: float = START_SECONDS,
        token: str | None = None,
    ) -> None:
        super().__init__(provider, model_name or "", timeout)
        self._tool_name, self._prompt_argument, self._start_timeout = tool_name, prompt_argument, start_timeout
        protect_environment()
        given = dict(env or {})
        if api_key is not None:
            given[self.api_key_variable or key_variable(provider)] = api_key
        for name, value in given.items():
            check_variable(name, value)
            if name.upper().endswith(("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")):
                protect(value)
        self._address = _address(server_script, token, given)
        self._command = server_command(server_script) if self._address is None else []
        self._is_ours = any(f"{word}.".startswith("mcp_models.servers.") for word in self._command)
        if self._is_ours:
            self._command.append("--warm")  # the server imports its SDK while the first call is on its way
        self._env = server_environment(provider, given)
        self._in_flight: set[PendingCall] = set()
        self._lock = threading.RLock()
        self._lease: Lease | None = None
        self._release: weakref.finalize[Any, MCPModel] | None = None
        fork_safety.remember(self)

    @property
    def server(self) -> ServerHandle:
        """The server. Reading this property makes the model one of the server's users."""
        with self._lock:
            if self._lease is None:
                if self._address is None:
                    self._lease = POOL.lease(self._command, self._env, self._start_timeout)
                else:
                    self._lease = POOL.lease_remote(self._address, self._start_timeout)
                self._release = weakref.finalize(self, self._lease.release)  # runs even if nobody closes this model
            return self._lease.server

    @property
    def in_flight(self) -> int:
        """How many of this model's calls are waiting for their answer."""
        return len(self._in_flight)

    def start(self) -> None:
        """Start the server now instead of on the first call."""
        self.server.start()

    def close(self) -> None:
        """End this model's calls, and the server too if no other model uses it. The next call starts it again."""
        with self._lock:
            release, self._lease, self._release = self._release, None, None
        for pending in list(self._in_flight):
            pending.stop(ServerExitedError("the model was closed"))
        if release is not None:
            release()

    def after_fork(self) -> None:
        """Replace the lock, as a thread of the parent may have held it, and forget the parent's calls."""
        self._lock = threading.RLock()
        self._in_flight = set()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a copy in another process: everything except this process's server."""
        return {name: value for name, value in self.__dict__.items() if name not in _OF_THIS_PROCESS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._in_flight, self._lock, self._lease, self._release = set(), threading.RLock(), None, None
        fork_safety.remember(self)

    def _begin(
        self,
        arguments: dict[str, Any],
        seconds: float,  # noqa: ARG002
        on_progress: OnProgress | None,
        on_text: OnText | None,
    ) -> PendingCall:
        server = self.server
        sent, not_sent = self._named(arguments, None if self._is_ours else server.parameters(self._tool_name))
        pending = server.begin(
            self._tool_name,
            sent,
            on_progress=_text_of(on_text) if on_text else on_progress,
            stream=on_text is not None,
        )
        return self._begun(pending, not_sent)

    def _begin_nowait(
        self, arguments: dict[str, Any], on_progress: OnProgress | None, on_text: OnText | None
    ) -> PendingCall | None:
        lease = self._lease
        if lease is None or not self._is_ours:  # a server that is not ours must be asked for the tool's arguments
            return None
        sent, not_sent = self._named(arguments, None)
        pending = lease.server.begin_nowait(
            self._tool_name,
            sent,
            on_progress=_text_of(on_text) if on_text else on_progress,
            stream=on_text is not None,
        )
        return pending and self._begun(pending, not_sent)

    def _begun(self, pending: PendingCall, not_sent: list[str]) -> PendingCall:
        pending.not_sent = not_sent
        self._in_flight.add(pending)
        if self._lease is None:
            pending.stop(ServerExitedError("the model was closed"))
        pending.future.add_done_callback(lambda _: self._in_flight.discard(pending))
        return pending

    def _named(self, arguments: dict[str, Any], known: set[str] | None) -> tuple[dict[str, Any], list[str]]:
        """Return the arguments under the tool's names, and the names of those that the tool does not accept."""
        named = {self._prompt_argument if name == "prompt" else name: value for name, value in arguments.items()}
        if known is None:
            return named, []
        if self._prompt_argument not in known and not ("messages" in named and "messages" in known):
            takes = ", ".join(sorted(known))
            raise ServerProtocolError(
                f"the tool {self._tool_name!r} has no argument {self._prompt_argument!r} for the prompt; it takes {takes}"
            )
        return {name: value for name, value in named.items() if name in known}, [name for name in named if name not in known]


def _text_of(on_text: OnText) -> OnProgress:
    def take(params: dict[str, Any]) -> None:
        meta = params.get("_meta")
        text = meta.get(META_DELTA) if isinstance(meta, dict) else None
        if isinstance(text, str):
            on_text(text)

    return take


def _address(server_script: object, token: str | None, given: Mapping[str, str]) -> Address | None:
    """Return where a server is that is not started here. None if it is."""
    from mcp_models.client.remote_server import Address, is_url

    if not is_url(server_script):
        if token is not None:
            raise ValueError("token: only a server at a URL takes one")
        return None
    if given:
        raise ValueError("api_key and env are for a server that is started here; one at a URL takes a `token`")
    return Address(str(server_script), token)


def server_command(server_script: str | os.PathLike[str] | Sequence[str]) -> list[str]:
    """Return the command that starts a server, given a file, an installed server's name, a module's name or a whole command.

    Raises:
        ServerStartError: The file does not exist, or the command is empty.
    """
    if not isinstance(server_script, (str, os.PathLike)):
        if not server_script:
            raise ServerStartError("the command to start a server with is empty")
        return [os.fspath(word) for word in server_script]
    script = os.fspath(server_script)
    if script.isidentifier() and script in (installed := server_modules()):
        return [sys.executable, "-P", "-m", *installed[script]]
    if not script.endswith(".py"):
        # `-P` keeps our servers from importing a `json.py` that happens to be in the current folder.
        return [sys.executable, *(("-P",) if script.startswith("mcp_models.") else ()), "-m", script]
    for folder in ("", *_installed_folders()):
        path = os.path.abspath(os.path.join(folder, script))
        if os.path.isfile(path):
            return [sys.executable, path]
    raise ServerStartError(f"no server at {script!r}, neither from {os.getcwd()!r} nor among the installed servers")


def _installed_folders() -> list[str]:
    """Return the folder of the installed servers, and its parent, so that `servers/x_mcp_server.py` is found too."""
    spec = util.find_spec("mcp_models.servers")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return [candidate for folder in folders for candidate in (folder, os.path.dirname(folder))]
