"""Define `Provider`: what an adapter must offer, and what all adapters do alike."""

from __future__ import annotations

import contextlib
import os
import threading

from mcp_models.servers.core import __version__, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, ClassVar, TypeAlias

    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import Completion, CompletionRequest, ReasoningEffort
    from mcp_models.servers.core.settings import Environment

    OnText: TypeAlias = Callable[[str], None]
    """Takes a new piece of an answer's text."""

    Price: TypeAlias = tuple[float, float]
    """Dollars per million input and output tokens."""


class Provider:
    """One provider of models: subclass it once, in the one file that knows the provider.

    An instance holds at most one client of the provider's, made by `connect` in a worker thread on the first call, and
    serves any number of calls at once on one event loop.

    Args:
        env: The environment with the provider's settings; None means this process's.
    """

    name: ClassVar[str]
    """The provider's name in results, in lower case: `openai`."""

    title: ClassVar[str]
    """The provider's name for people: `OpenAI`."""

    summary: ClassVar[str]
    """What its models are, for the tool's description: one sentence."""

    setup: ClassVar[str] = ""
    """What to set or start before the first call, for whoever has nothing configured yet."""

    key_variables: ClassVar[tuple[str, ...]] = ()
    """The environment variables that may hold its key, the one that is looked at first in front; empty where it has none."""

    default_model: ClassVar[str]
    """The model that is asked when neither the caller nor the environment names one."""

    model_variables: ClassVar[tuple[str, ...]] = ("MODEL_DEFAULT",)
    """The environment variables that name the default model; the first that is set counts."""

    aliases: ClassVar[dict[str, str]] = {}
    """Short names of models."""

    successors: ClassVar[dict[str, str]] = {}
    """Models that the provider does not offer any more, to what it documents in their place; only an alias is swapped."""

    parameters: ClassVar[frozenset[str]] = frozenset()
    """Those of `completion.OPTIONAL_PARAMETERS` that the provider has a field for."""

    native_names: ClassVar[dict[str, str]] = {}
    """The provider's own names for these parameters where they differ, as its errors use them: native to ours."""

    price_list: ClassVar[str | None] = None
    """The provider's name in the price list of `genai-prices`; None where calls have no list price."""

    price_corrections: ClassVar[dict[str, Price | None]] = {}
    """Prices that `genai-prices` has wrong or lacks; None for a model whose price is not known."""

    package: ClassVar[str | None] = None
    """What `connect` imports."""

    extra: ClassVar[str] = ""
    """The extra of this distribution that installs `package`."""

    def __init__(self, env: Environment | None = None) -> None:
        # A copy, as each look into `os.environ` encodes the name and decodes the value anew.
        self.env: Environment = dict(os.environ) if env is None else env
        self._client: Any = None
        self._connecting = threading.Lock()

    def check(self) -> None:
        """Check the settings without importing or connecting to anything.

        Raises:
            ConfigurationError: Something is not set, or makes no sense; the message says what to do.
        """

    def configured(self) -> bool:
        """Return whether a call has a chance: by default, whether the settings are complete."""
        try:
            self.check()
        except errors.ConfigurationError:
            return False
        return True

    def running(self) -> bool:
        """Return whether a local server that needs no settings answers. Asked only if no provider is configured."""
        return False

    def connect(self) -> Any:
        """Import what the provider needs and make its client; blocking, and run in a thread of its own.

        Returns:
            The client; None from a provider that needs none.

        Raises:
            ConfigurationError: As `check`.
            ImportError: A package is not installed; the caller is told which extra brings it.
        """
        return None

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask the provider once: no retries, no deadline; `call.py` adds both.

        Args:
            request: What to ask; `model` is always set, and an optional parameter that is None is not to be sent.
            on_text: Takes each new piece of the answer's text (not of its thinking) as it comes.

        Raises:
            CompletionError: The provider failed, refused, or answered without text.
        """
        raise NotImplementedError

    async def list_models(self) -> list[ModelInfo]:
        """Return the models that the provider offers now.

        Raises:
            CompletionError: As `complete`.
        """
        raise NotImplementedError

    def takes_temperature(self, model: str) -> bool:  # noqa: ARG002
        """Return whether a model is expected to take a temperature, so that the default one is sent to it unasked."""
        return True

    def ignores(self, model: str) -> set[str]:  # noqa: ARG002
        """Optional parameters that a model is known to take and disregard in silence: not sent, and reported as dropped."""
        return set()

    def efforts(self, model: str) -> Sequence[ReasoningEffort]:  # noqa: ARG002
        """Return the efforts that a model has, so that another one is mapped to the nearest; empty where that is not known."""
        return ()

    def has_list_prices(self) -> bool:
        """Return whether the calls cost what `price_list` says; not so where another server than the provider's own answers."""
        return self.price_list is not None

    async def aclose(self) -> None:
        """Close the client and whatever else the provider holds."""
        if self._client is not None:
            await self._client.aclose()

    def warm(self) -> None:
        """Connects before the first call does; what is missing, that call will say."""
        with contextlib.suppress(errors.ConfigurationError):
            self._connect_once()

    async def client(self) -> Any:
        """Return what `connect` made, on the first call in a worker thread, so that a slow import stops nothing else."""
        if self._client is not None:
            return self._client
        import asyncio

        return await asyncio.to_thread(self._connect_once)

    def resolve(self, model: str | None) -> tuple[str, list[str]]:
        """Return the model to ask, and what there is to warn of.

        Args:
            model: What the caller named, if anything: a full name is never swapped, an alias of a retired model is.
        """
        name = model or next(filter(None, map(self.env.get, self.model_variables)), self.default_model)
        target = self.aliases.get(name, name)
        if name not in self.aliases or target not in self.successors:
            return target, []
        successor = self.successors[target]
        return successor, [f"{name} stands for {target}, which {self.title} does not offer: {successor} answered instead"]

    def _connect_once(self) -> Any:
        with self._connecting:
            if self._client is None:
                try:
                    self._client = self.connect()
                except ImportError as error:
                    # Without a name, no package is missing: a library says this of its own needs.
                    said = missing_package(error.name, self.extra) if error.name else f"{error}."
                    raise errors.ConfigurationError(said) from error
            return self._client


def missing_package(package: str, extra: str) -> str:
    """Return what to say about a package that is not installed."""
    return f'The package `{package}` is not installed: run `pip install "mcp-models[{extra}]"`.'


def server_info(provider: Provider) -> dict[str, str]:
    """Return the provider's server as MCP's `serverInfo`."""
    return {"name": f"{provider.name.replace('_', '-')}-mcp-server", "title": provider.title, "version": __version__}
