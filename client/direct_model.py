"""Define `DirectModel`, which calls a provider from this process. It uses the same adapter as the MCP server does."""

from __future__ import annotations

import os
import threading
import time
import weakref
from importlib.util import find_spec

from mcp_models.client import fork_safety
from mcp_models.client.child_environment import Environment
from mcp_models.client.loop_thread import LoopThread
from mcp_models.client.model import Model
from mcp_models.servers import load_provider
from mcp_models.servers.core.errors import ConfigurationError, MissingKeyError
from mcp_models.servers.core.protocol import META_DELTA
from mcp_models.servers.core.provider import missing_package
from mcp_models.servers.core.redaction import protect, protect_environment
from mcp_models.servers.core.settings import default_timeout, max_retries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    from mcp_models.client.pending_call import PendingCall
    from mcp_models.client.pending_requests import OnProgress
    from mcp_models.client.stream import OnText
    from mcp_models.servers.core.provider import Provider

CLIENT_NAME = "mcp-models"
"""Who asks, in the ledger: the name by which the bridge introduces itself to a server."""


class DirectModel(Model):
    """A provider's model, called from this process without a server.

    Args:
        model_name: The provider's name of a model, or an alias. None means the provider's default.
        settings: Environment variables for the adapter, such as a key. They add to or override those of this process.

    Raises:
        ValueError: A key is not set, or a setting makes no sense. The message names the variable.
        ImportError: The provider's package is not installed. The message names the extra.
    """

    provider_name: ClassVar[str]
    """The provider's name among the servers."""

    missing_key: ClassVar[type[ValueError]] = ValueError
    """The exception to raise if the key is not set."""

    def __init__(self, model_name: str | None = None, settings: Mapping[str, str | None] | None = None) -> None:
        given = {name: value for name, value in (settings or {}).items() if value is not None}
        protect_environment()
        for name, value in given.items():
            if name.endswith(("_KEY", "_TOKEN")):
                protect(value)
        self._env = Environment({**os.environ, **given})
        provider = load_provider(self.provider_name, self._env)
        super().__init__(provider.name, model_name or "")
        try:
            provider.check()
            max_retries(self._env)
            default_timeout(self._env)
        except MissingKeyError as error:
            raise self.missing_key(error.message) from None
        except ConfigurationError as error:
            raise ValueError(error.message) from None
        if provider.package is not None and find_spec(provider.package) is None:
            raise ImportError(missing_package(provider.package, provider.extra), name=provider.package)
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._end_worker: weakref.finalize[Any, DirectModel] | None = None
        fork_safety.remember(self)

    def close(self) -> None:
        """Close the connections and abort the calls of other threads. The next call opens new ones."""
        with self._lock:
            end, self._worker, self._end_worker = self._end_worker, None, None
        if end is not None:
            end()

    def after_fork(self) -> None:
        """Leave the thread and its connections to the parent. The next call opens new ones."""
        if self._end_worker is not None:
            self._end_worker.detach()
        self._lock, self._worker, self._end_worker = threading.Lock(), None, None

    def _begin(
        self,
        arguments: dict[str, Any],
        seconds: float,  # noqa: ARG002
        on_progress: OnProgress | None,
        on_text: OnText | None,
    ) -> PendingCall:
        started = time.monotonic()

        def take(text: str) -> None:
            if on_text is not None:
                on_text(text)
            if on_progress is not None:
                on_progress({"progress": time.monotonic() - started, "_meta": {META_DELTA: text}})

        return self._started_worker().begin("complete", arguments, take)

    def _begin_nowait(
        self, arguments: dict[str, Any], on_progress: OnProgress | None, on_text: OnText | None
    ) -> PendingCall | None:
        return self._begin(arguments, 0, on_progress, on_text) if self._worker is not None else None

    def _started_worker(self) -> Worker:
        with self._lock:
            if self._worker is None:
                self._worker = Worker(load_provider(self.provider_name, self._env))
                self._end_worker = weakref.finalize(self, self._worker.close)
            return self._worker


class Worker:
    """The adapter, with an event loop in its own thread to run in.

    Args:
        provider: The adapter.
    """

    def __init__(self, provider: Provider) -> None:
        from mcp_models.servers.core.service import CompletionService

        self._service = CompletionService(provider)
        self._loop = LoopThread(f"{provider.name} model", self._service.aclose)

    def begin(self, name: str, arguments: dict[str, Any], on_text: OnText) -> PendingCall:
        """Start a call of a tool, and return without waiting for the result.

        Args:
            name: The tool's name.
            arguments: The tool's arguments.
            on_text: Called with each piece of text, in the loop's thread.
        """
        return self._loop.begin(lambda: self._service.call_tool(name, arguments, on_text, CLIENT_NAME))

    def close(self) -> None:
        """Abort the calls in flight and end the thread, in bounded time."""
        self._loop.close()
