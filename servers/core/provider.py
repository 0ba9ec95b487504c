"""Owns `Provider`: what an adapter must offer, and what all adapters do alike."""

from __future__ import annotations

import contextlib
import os
import threading

from mcp_models.servers.core import __version__, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar, TypeAlias

    from mcp_models.servers.core.completion import Completion, CompletionRequest

    OnText: TypeAlias = Callable[[str], None]

MODEL_VARIABLE = "MODEL_DEFAULT"


class Provider:
    """One provider of models: subclass it once, in the one file that knows the provider.

    An instance holds at most one client of the provider's, made by `connect` in a worker thread on the first call, and
    serves any number of calls at once on one event loop.
    """

    name: ClassVar[str]
    """The provider's name in results, in lower case: `openai`."""

    title: ClassVar[str]
    """The provider's name for people: `OpenAI`."""

    summary: ClassVar[str]
    """What its models are, for the tool's description: one sentence."""

    default_model: ClassVar[str]
    """The model that is asked when the caller and `MODEL_DEFAULT` name none."""

    parameters: ClassVar[frozenset[str]] = frozenset()
    """Those of `completion.OPTIONAL_PARAMETERS` that the provider has a field for."""

    native_names: ClassVar[dict[str, str]] = {}
    """The provider's own names for these parameters where they differ, as its errors use them: native to ours."""

    extra: ClassVar[str] = ""
    """The extra of this distribution that installs what `connect` imports."""

    setup: ClassVar[str] = ""
    """What to set or start before the first call, for whoever has nothing configured yet."""

    def __init__(self) -> None:
        self._client: Any = None
        self._connecting = threading.Lock()

    def connect(self) -> Any:
        """Imports what the provider needs and makes its client; blocking, and run in a thread of its own.

        Raises:
            ConfigurationError: Something is not set.
            ImportError: A package is not installed; the caller is told which extra brings it.
        """
        return None

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Asks the provider once: no retries, no deadline; `call.py` adds both.

        Args:
            request: What to ask; `model` is always set, and an optional parameter that is None is not to be sent.
            on_text: Takes each new piece of the answer's text (not of its thinking) as it comes.

        Raises:
            CompletionError: The provider failed, refused, or answered without text.
        """
        raise NotImplementedError

    def configured(self) -> bool:
        """Whether a call has a chance: a key is set, or a local server answers."""
        return True

    def warm(self) -> None:
        """Connects before the first call does; what is missing, that call will say."""
        with contextlib.suppress(errors.ConfigurationError):
            self._connect_once()

    async def client(self) -> Any:
        """What `connect` made, on the first call in a worker thread, so that a slow import stops nothing else."""
        if self._client is not None:
            return self._client
        import asyncio

        return await asyncio.to_thread(self._connect_once)

    def takes_temperature(self, model: str) -> bool:  # noqa: ARG002
        """Whether a model is expected to take a temperature, so that the default one is sent to it unasked."""
        return True

    async def aclose(self) -> None:
        """Closes the client and whatever else the provider holds."""
        if self._client is not None:
            await self._client.close()

    def _connect_once(self) -> Any:
        with self._connecting:
            if self._client is None:
                try:
                    self._client = self.connect()
                except ImportError as error:
                    raise missing_package(error.name or str(error), self.extra) from error
            return self._client

    def resolve(self, request: CompletionRequest) -> str:
        """The model to ask."""
        return request.model or os.environ.get(MODEL_VARIABLE) or self.default_model


def server_info(provider: Provider) -> dict[str, str]:
    """The provider's server as MCP's `serverInfo`."""
    return {"name": f"{provider.name.replace('_', '-')}-mcp-server", "title": provider.title, "version": __version__}


def complete_tool(provider: Provider) -> dict[str, Any]:
    """The definition of the tool `complete`, as `tools/list` shows it."""
    from mcp_models.servers.core.arguments import input_schema

    return {
        "name": "complete",
        "title": f"Ask {provider.title}",
        "description": (
            f"Sends a prompt to {provider.title} and returns the model's answer as text. {provider.summary} "
            f"Model if none is named: {os.environ.get(MODEL_VARIABLE) or provider.default_model}. "
            "Stop reason, token usage and cost come back in the result's _meta."
        ),
        "inputSchema": input_schema(),
        "annotations": {
            "title": f"Ask {provider.title}",
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": False,
            "openWorldHint": True,
        },
        # Claude Code saves a longer text to a file unless the tool says how much it may return.
        "_meta": {"anthropic/maxResultSizeChars": 500_000},
    }


def missing_package(package: str, extra: str) -> errors.ConfigurationError:
    """The error for an SDK that is not installed."""
    return errors.ConfigurationError(f'The package `{package}` is not installed: run `pip install "mcp-models[{extra}]"`.')
