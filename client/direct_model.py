"""Owns `DirectModel`: a provider's adapter in this process as a model with `call()`, the same as behind MCP."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from importlib.util import find_spec

from mcp_models.client.model import Model, call_arguments, result_dict
from mcp_models.servers import load_provider
from mcp_models.servers.core import MAX_TOKENS_DEFAULT
from mcp_models.servers.core.environment import default_timeout, max_retries
from mcp_models.servers.core.errors import ConfigurationError, MissingKeyError
from mcp_models.servers.core.provider import missing_package
from mcp_models.servers.core.redaction import protect, protect_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, ClassVar

    from mcp_models.servers.core.provider import Provider

CLOSE_SECONDS = 5.0


class DirectModel(Model):
    """A provider's model, asked from this process.

    Args:
        model_name: The provider's name of a model, or one of its aliases; None means its default.
        settings: Environment variables for the adapter, beside or instead of this process's; a key, for instance.

    Raises:
        ValueError: A key is not set, or a setting makes no sense; the message names the variable.
        ImportError: The provider's package is not installed; the message names the extra.
    """

    server: ClassVar[str]
    """The provider's name among the servers."""

    missing_key: ClassVar[type[ValueError]] = ValueError
    """What is raised for a key that is not set."""

    def __init__(self, model_name: str | None = None, settings: Mapping[str, str | None] | None = None) -> None:
        given = {name: value for name, value in (settings or {}).items() if value is not None}
        protect_environment()
        for name, value in given.items():
            if name.endswith(("_KEY", "_TOKEN")):
                protect(value)
        self._env = {**os.environ, **given}
        provider = load_provider(self.server, self._env)
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
        self._worker: list[Worker] = []  # at most one
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._worker)

    def call(
        self,
        prompt: str,
        max_tokens: int = MAX_TOKENS_DEFAULT,
        temperature: float | None = None,
        system: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """As `Model.call`; any number of threads may call at once."""
        if self.model_name:
            options.setdefault("model", self.model_name)
        arguments = call_arguments(prompt, max_tokens, temperature, system, options)
        return result_dict(self._started_worker().call_tool("complete", arguments), self.provider, self.model_name)

    def close(self) -> None:
        """Closes the connections and aborts the calls of other threads; the next call opens new ones."""
        _close_all(self._worker)

    def __enter__(self) -> DirectModel:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _started_worker(self) -> Worker:
        with self._lock:
            if not self._worker or self._worker[0].pid != os.getpid():  # a fork has the memory, but not the thread
                self._worker[:] = [Worker(load_provider(self.server, self._env))]
            return self._worker[0]


class Worker:
    """An event loop in a thread of its own, and the adapter that lives on it.

    Args:
        provider: The adapter.
    """

    def __init__(self, provider: Provider) -> None:
        import asyncio

        from mcp_models.servers.core.call import Caller

        self.pid = os.getpid()
        self._provider, self._caller = provider, Caller(provider)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"{provider.name} model", daemon=True)
        self._thread.start()

    def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """A tool's result.

        Raises:
            RuntimeError: The model was closed meanwhile.
        """
        import asyncio
        from concurrent.futures import CancelledError

        future = asyncio.run_coroutine_threadsafe(self._caller.call_tool(name, arguments, lambda _: None), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise RuntimeError("the model was closed while it was asked") from None
        except BaseException:
            future.cancel()  # a KeyboardInterrupt: the provider is not to go on
            raise

    def close(self) -> None:
        """Aborts what is in flight and ends the thread, in bounded time."""
        import asyncio

        if self.pid != os.getpid() or not self._thread.is_alive():
            return
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        try:
            closing.result(CLOSE_SECONDS)
        except TimeoutError:
            closing.cancel()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CLOSE_SECONDS)
            if not self._thread.is_alive():
                self._loop.close()

    async def _close(self) -> None:
        import asyncio

        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._provider.aclose()
        await self._loop.shutdown_default_executor()


def _close_all(workers: list[Worker]) -> None:
    with contextlib.suppress(IndexError):
        while True:
            workers.pop().close()
