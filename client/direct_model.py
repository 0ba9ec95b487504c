"""Owns `DirectModel`: a provider's adapter in this process as a model with `call()`, the same as behind MCP."""

from __future__ import annotations

import os
import threading
from importlib.util import find_spec

from mcp_models.client.model import Model, call_arguments, result_dict
from mcp_models.servers import load_provider
from mcp_models.servers.core import MAX_TOKENS_DEFAULT
from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.provider import missing_package
from mcp_models.servers.core.redaction import protect, protect_environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping
    from typing import Any, ClassVar

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
        self._provider = load_provider(self.server, {**os.environ, **given})
        super().__init__(self._provider.name, model_name or "")
        try:
            self._provider.check()
        except ConfigurationError as error:
            raise self.missing_key(error.message) from None
        package = self._provider.package
        if package is not None and find_spec(package) is None:
            raise ImportError(missing_package(package, self._provider.extra), name=package)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

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
        return self._run("complete", call_arguments(prompt, max_tokens, temperature, system, options))

    def close(self) -> None:
        """Closes the connections; the next call opens new ones."""
        import asyncio

        with self._lock:
            loop, self._loop, thread, self._thread = self._loop, None, self._thread, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._provider.aclose(), loop).result(CLOSE_SECONDS)
        self._provider.forget_client()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CLOSE_SECONDS)
        loop.close()

    def __enter__(self) -> DirectModel:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _run(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        import asyncio

        future = asyncio.run_coroutine_threadsafe(self._call_tool(tool, arguments), self._started_loop())
        try:
            return result_dict(future.result(), self.provider, self.model_name)
        except BaseException:
            future.cancel()  # a KeyboardInterrupt: the provider is not to go on
            raise

    async def _call_tool(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return await self._caller.call_tool(tool, arguments, lambda _: None)

    def _started_loop(self) -> asyncio.AbstractEventLoop:
        import asyncio

        from mcp_models.servers.core.call import Caller

        with self._lock:
            if self._loop is None:
                self._caller = Caller(self._provider)
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name=f"{self.provider} model", daemon=True)
                self._thread.start()
            return self._loop
