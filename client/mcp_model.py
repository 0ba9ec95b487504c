"""Owns `MCPModel`: any MCP server with a completion-like tool as a model with `call()`."""

from __future__ import annotations

import os
import sys
import threading
from importlib import util

from mcp_models.client.errors import ServerStartError
from mcp_models.client.model import Model, call_arguments, result_dict
from mcp_models.client.session import START_SECONDS, Session
from mcp_models.servers.core import MAX_TOKENS_DEFAULT, TIMEOUT_DEFAULT
from mcp_models.servers.core.redaction import protect, protect_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from mcp_models.client.session import OnProgress

TOOL_NAME = "complete"
GRACE_SECONDS = 10.0
"""How much longer than the server's own deadline the bridge waits for its answer."""


class MCPModel(Model):
    """A model behind an MCP server that runs as a child process.

    Args:
        provider: The provider's name, for results.
        model_name: The model to ask; None means the server's default.
        server_script: The server: a path to a `.py` file (absolute, or relative to the current folder, then to the
            installed servers), a module's name, or a whole command as a sequence of words.
        api_key: A key for the provider; it reaches the server by its environment only.
        tool_name: The server's tool.
        timeout: Seconds a call may take, unless it says otherwise; None means MCP_MODELS_TIMEOUT or 600.
        start_timeout: Seconds the server may take to start.
    """

    api_key_variable: str | None = None
    """The environment variable that takes `api_key`; None means the provider's name and `_API_KEY`."""

    def __init__(
        self,
        provider: str,
        model_name: str | None,
        server_script: str | os.PathLike[str] | Sequence[str],
        api_key: str | None = None,
        *,
        tool_name: str = TOOL_NAME,
        timeout: float | None = None,
        start_timeout: float = START_SECONDS,
    ) -> None:
        super().__init__(provider, model_name or "")
        self._tool_name, self._timeout = tool_name, timeout
        protect_environment()
        env = None
        if api_key is not None:
            protect(api_key)
            env = {**os.environ, self.api_key_variable or f"{provider.upper().replace('-', '_')}_API_KEY": api_key}
        command = server_command(server_script)
        if command[-1].startswith("mcp_models.servers."):
            command.append("--warm")  # a server of ours: its SDK is imported while the first call is on its way
        self.session = Session(command, env=env, start_timeout=start_timeout)

    def start(self) -> None:
        """Starts the server now rather than with the first call."""
        self.session.start()

    def close(self) -> None:
        """Ends the server; the next call starts it again."""
        self.session.close()

    def __enter__(self) -> MCPModel:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def call(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        *,
        on_progress: OnProgress | None = None,
        stream: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        """As `Model.call`.

        Args:
            prompt: What to ask.
            max_tokens: The most tokens the answer may have.
            temperature: Sampling temperature.
            system: Instructions that precede the prompt.
            on_progress: Takes the `params` of each MCP progress notification, in another thread.
            stream: Whether those carry the text as it comes, in `_meta["mcp-models/delta"]`.
            options: Any other argument of the tool.
        """
        if self.model_name:
            options.setdefault("model", self.model_name)
        if self._timeout is not None:
            options.setdefault("timeout", self._timeout)
        arguments = call_arguments(prompt, max_tokens, temperature, system, options)
        timeout = _seconds(options.get("timeout")) + GRACE_SECONDS
        result = self.session.call_tool(self._tool_name, arguments, timeout=timeout, on_progress=on_progress, stream=stream)
        return result_dict(result, self.provider, self.model_name)


def server_command(server_script: str | os.PathLike[str] | Sequence[str]) -> list[str]:
    """The command that starts a server: a file's or a module's name as a command, a command as it is.

    Raises:
        ServerStartError: There is no such file, or the command is empty.
    """
    if not isinstance(server_script, (str, os.PathLike)):
        if not server_script:
            raise ServerStartError("the command to start a server with is empty")
        return [os.fspath(word) for word in server_script]
    script = os.fspath(server_script)
    if not script.endswith(".py"):
        # -P: a `json.py` in the current folder must not stand in for the real one in a server of ours.
        return [sys.executable, *(("-P",) if script.startswith("mcp_models.") else ()), "-m", script]
    for folder in ("", *_installed_folders()):
        path = os.path.abspath(os.path.join(folder, script))
        if os.path.isfile(path):
            return [sys.executable, path]
    raise ServerStartError(f"no server at {script!r}, neither from {os.getcwd()!r} nor among the installed servers")


def _installed_folders() -> list[str]:
    """The folder of the installed servers and its parent, as the seeds write `servers/x_mcp_server.py`."""
    spec = util.find_spec("mcp_models.servers")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return [candidate for folder in folders for candidate in (folder, os.path.dirname(folder))]


def _seconds(timeout: object) -> float:
    """A call's own deadline; the server will say what is wrong with one that makes no sense."""
    for candidate in (timeout, os.environ.get("MCP_MODELS_TIMEOUT")):
        try:
            seconds = float(candidate)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 < seconds < threading.TIMEOUT_MAX - GRACE_SECONDS:
            return seconds
    return TIMEOUT_DEFAULT
