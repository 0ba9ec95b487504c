"""Define `Provider`: what every adapter must implement, and what all adapters share."""

from __future__ import annotations

import contextlib
import os
import re
import threading

from mcp_models.servers.core import __version__, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, ClassVar, TypeAlias

    from mcp_models.servers.core.batches import BatchJobs
    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import Completion, CompletionRequest, ReasoningEffort
    from mcp_models.servers.core.settings import Environment

    OnText: TypeAlias = Callable[[str], None]
    """Called with each new piece of an answer's text."""

    Price: TypeAlias = tuple[float, float]
    """Dollars per million input and output tokens."""


class Provider:
    """A provider of models. Subclass it in the one file that knows the provider.

    An instance holds at most one client. `connect` makes it on the first call, in a worker thread. After that, the instance
    serves any number of calls at once in one event loop.

    Args:
        env: The environment with the provider's settings. None means the environment of this process.
    """

    name: ClassVar[str]
    """The provider's name in results, in lower case, such as `openai`."""

    title: ClassVar[str]
    """The provider's name for people, such as `OpenAI`."""

    semantic_name: ClassVar[str | None] = None
    """OpenTelemetry's name for the provider, if it is another one.

    Source: https://github.com/open-telemetry/semantic-conventions-genai, `gen_ai.provider.name`.
    """

    summary: ClassVar[str]
    """One sentence about the provider's models, for the tool's description."""

    setup: ClassVar[str] = ""
    """What you need to set or start before the first call."""

    key_variables: ClassVar[tuple[str, ...]] = ()
    """The environment variables that may hold the key, the first choice first. Empty if the provider needs no key."""

    default_model: ClassVar[str]
    """The model to use if neither the caller nor the environment names one."""

    model_variables: ClassVar[tuple[str, ...]] = ("MODEL_DEFAULT",)
    """The environment variables that may name the default model. The first one that is set counts."""

    aliases: ClassVar[dict[str, str]] = {}
    """Short names of models, each with the full name."""

    successors: ClassVar[dict[str, str]] = {}
    """Retired models, each with the successor that the provider documents. Only an alias leads to it, never a full name."""

    parameters: ClassVar[frozenset[str]] = frozenset()
    """The names in `completion.OPTIONAL_PARAMETERS` that the provider has a field for."""

    native_names: ClassVar[dict[str, str]] = {}
    """The provider's own names for these parameters, as its errors use them, each with our name. Only those that differ."""

    price_list: ClassVar[str | None] = None
    """The provider's name in the price list of `genai-prices`. None if its calls have no list price."""

    price_corrections: ClassVar[dict[str, Price | None]] = {}
    """Prices that are wrong or missing in `genai-prices`. None for a model whose price we do not know."""

    service_tiers: ClassVar[dict[str, str]] = {}
    """The values of `service_tier` that a caller may ask for, each with the provider's own name for it."""

    tiers_that_may_serve: ClassVar[dict[str | None, tuple[str, ...]]] = {}
    """The tiers that may answer a call, by the tier that was asked for; None stands for no wish. The rest is `standard`."""

    tier_factors: ClassVar[dict[str, tuple[float | None, float]]] = {}
    """What a tier costs if the price list does not say: times the standard price, exactly or None, and at most."""

    batch_factor: ClassVar[float] = 0.5
    """What the Batch API costs if the price list does not say, times the standard price."""

    batch_halves_cached: ClassVar[bool] = True
    """Whether tokens from the prompt cache cost less in a job of the Batch API, too."""

    most_surcharge: ClassVar[float] = 1.0
    """The most that `Completion.surcharge` can be."""

    image_tokens: ClassVar[dict[str, int]] = {}
    """The most tokens of an image, by the beginning of a model's name. The first that fits counts, or else `IMAGE_TOKENS`."""

    takes_documents: ClassVar[bool] = False
    """Whether its models read PDFs."""

    documents_cost_extra: ClassVar[bool] = False
    """Whether reading a document may cost more than its tokens."""

    most_searches: ClassVar[int | None] = None
    """The most searches of the web that a call makes. None if the provider has no field for such a limit."""

    package: ClassVar[str | None] = None
    """The package that `connect` imports."""

    extra: ClassVar[str] = ""
    """The extra of this distribution that installs `package`."""

    def __init__(self, env: Environment | None = None) -> None:
        # A plain copy is faster: `os.environ` encodes the name and decodes the value on every look-up.
        self.env: Environment = dict(os.environ) if env is None else env
        self._client: Any = None
        self._connecting = threading.Lock()

    def check(self) -> None:
        """Check the settings without importing or connecting to anything.

        Raises:
            ConfigurationError: A setting is missing or makes no sense. The message says what to do.
        """

    def configured(self) -> bool:
        """Return whether a call has a chance to succeed. By default, check that the settings are complete."""
        try:
            self.check()
        except errors.ConfigurationError:
            return False
        return True

    def running(self) -> bool:
        """Return whether a local server that needs no settings is running. Only asked if no provider is configured."""
        return False

    def address(self) -> str | None:
        """Return the URL that calls go to, or None if there is none.

        Raises:
            ConfigurationError: The address that was set is not a URL.
        """
        return None

    def connect(self) -> Any:
        """Import what the provider needs and create its client. This blocks, so it runs in a worker thread.

        Returns:
            The client, or None if the provider needs none.

        Raises:
            ConfigurationError: As in `check`.
            ImportError: A package is not installed. The caller is told which extra installs it.
        """
        return None

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask the provider once. `service.py` adds the retries and the deadline.

        Args:
            request: The request. Its `model` is always set. Do not send an optional parameter that is None.
            on_text: Call this with each new piece of the answer's text as it arrives, but not with thinking.

        Raises:
            CompletionError: The provider failed, refused, or answered without text.
        """
        raise NotImplementedError

    async def list_models(self) -> list[ModelInfo]:
        """Return the models that the provider offers now.

        Raises:
            CompletionError: As in `complete`.
        """
        raise NotImplementedError

    def takes_temperature(self, model: str) -> bool:  # noqa: ARG002
        """Return whether to send the model our default temperature, because it is expected to accept one."""
        return True

    def takes_cache_key(self, model: str) -> bool:  # noqa: ARG002
        """Return whether to send `CompletionRequest.cache_key`, because the provider's prompt cache finds more with it."""
        return False

    def ignores(self, model: str) -> set[str]:  # noqa: ARG002
        """Return the optional parameters that the model silently ignores. They are not sent, and are reported as dropped."""
        return set()

    def searches_web(self) -> bool:
        """Return whether the provider can search the web within a call.

        Raises:
            ConfigurationError: A setting that decides this makes no sense.
        """
        return False

    def efforts(self, model: str) -> Sequence[ReasoningEffort]:  # noqa: ARG002
        """Return the reasoning efforts that the model supports, or nothing if unknown. Others are mapped to the nearest one."""
        return ()

    def is_same_model(self, answered: str, asked: str) -> bool:
        """Return whether the name in an answer is that of the model that was asked, if only in a dated or tagged form."""
        asked = asked.removeprefix("models/")
        if answered == asked or asked.endswith("latest"):
            return True
        return re.fullmatch(re.escape(asked) + r"([-@]\d[\d-]*|:.+)?", answered) is not None

    def has_list_prices(self) -> bool:
        """Return whether calls cost what `price_list` says. They do not if the base URL leads to somebody else's server."""
        return self.price_list is not None

    def tier_name(self, request: CompletionRequest) -> str | None:
        """Return the provider's own name for the service tier that a request asks for."""
        return None if request.service_tier is None else self.service_tiers[request.service_tier]

    def served_tier(self, native: str | None) -> str | None:
        """Return our name for the service tier that a provider says has answered. One that we do not offer keeps its own."""
        return next((tier for tier, name in self.service_tiers.items() if name == native and tier != "auto"), native)

    def most_output_tokens(self, request: CompletionRequest) -> int:
        """Return the limit that is sent for an answer, thinking included."""
        return request.limit

    def charged_models(self, request: CompletionRequest) -> Sequence[str]:
        """Return the models whose price a call may have: usually the one that was asked."""
        return [request.model or ""]

    def may_charge(self) -> bool:
        """Return whether a call may cost money. What runs on this machine costs nothing.

        Raises:
            ConfigurationError: As in `address`.
        """
        from mcp_models.servers.core.settings import is_loopback

        address = self.address()
        return address is not None and not is_loopback(address)

    def batch_jobs(self) -> BatchJobs | None:
        """Return the provider's Batch API, or None if it has none. Import and connect as `connect` does."""
        return None

    async def aclose(self) -> None:
        """Close the client and whatever else the provider holds."""
        if self._client is not None:
            await self._client.aclose()

    def warm(self) -> None:
        """Connect ahead of the first call. If something is missing, say nothing: the first call will report it."""
        with contextlib.suppress(errors.ConfigurationError):
            self._connect_once()

    async def client(self) -> Any:
        """Return the client. The first call creates it in a worker thread, so that a slow import holds up nothing else."""
        if self._client is not None:
            return self._client
        import asyncio

        return await asyncio.to_thread(self._connect_once)

    def resolve(self, model: str | None) -> tuple[str, list[str]]:
        """Return the model to ask, and warnings for the caller.

        Args:
            model: The name that the caller gave, if any. A full name is used as it is. An alias of a retired model leads to its
                successor, with a warning.
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
                    # Without a name, the package is installed and the error is the library's own message.
                    said = missing_package(error.name, self.extra) if error.name else f"{error}."
                    raise errors.ConfigurationError(said) from error
            return self._client


def missing_package(package: str, extra: str) -> str:
    """Return the message for a package that is not installed."""
    return f'The package `{package}` is not installed: run `pip install "mcp-models[{extra}]"`.'


def server_info(provider: Provider) -> dict[str, str]:
    """Return MCP's `serverInfo` for the provider's server."""
    return {"name": f"{provider.name.replace('_', '-')}-mcp-server", "title": provider.title, "version": __version__}
