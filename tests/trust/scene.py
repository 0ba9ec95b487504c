"""Set the scene for the search of canaries: a provider's fake, its server, and the keys of all providers around them."""

from __future__ import annotations

import contextlib
import json
import logging
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from mcp_models.client import (
    AnthropicMCPModel,
    AnthropicModel,
    AnthropicOllamaAPIModel,
    AnthropicOllamaMCPModel,
    DevstralLocalMCPModel,
    DevstralLocalModel,
    GoogleAIStudioMCPModel,
    GoogleAIStudioModel,
    MCPModel,
    MistralAPIModel,
    MistralMCPModel,
    OllamaMCPModel,
    OllamaModel,
    OpenAIMCPModel,
    OpenAIModel,
)
from mcp_models.client.direct_model import DirectModel
from mcp_models.servers import server_modules
from tests.fakes.endpoint import Endpoint, Reply, Request, json_reply
from tests.fakes.provider import FakeProvider
from tests.peer import SECONDS, Peer, call
from tests.trust.canaries import VARIABLES, Search, canaries
from tests.trust.isolation import environment, private_environment


class OpenRouterModel(DirectModel):
    """A preset, called from this process."""

    provider_name = "openrouter"

    def __init__(self, model: str | None = None, api_key: str | None = None) -> None:
        super().__init__(model, {"OPENROUTER_API_KEY": api_key})


class OpenRouterMCPModel(MCPModel):
    """A preset, over MCP."""

    def __init__(self, model_name: str | None = None, api_key: str | None = None) -> None:
        command = [sys.executable, "-m", *server_modules()["openrouter"]]
        super().__init__("openrouter", model_name, command, api_key)


MODELS: dict[str, tuple[Any, Any]] = {
    "anthropic": (AnthropicModel, AnthropicMCPModel),
    "anthropic_ollama": (AnthropicOllamaAPIModel, AnthropicOllamaMCPModel),
    "devstral_local": (DevstralLocalModel, DevstralLocalMCPModel),
    "google_ai_studio": (GoogleAIStudioModel, GoogleAIStudioMCPModel),
    "mistral": (MistralAPIModel, MistralMCPModel),
    "ollama": (OllamaModel, OllamaMCPModel),
    "openai": (OpenAIModel, OpenAIMCPModel),
    "openrouter": (OpenRouterModel, OpenRouterMCPModel),
}
"""The classes of each provider: the model in this process, and the one over MCP."""

# Each adapter logs all it can: ours, and the SDKs of the providers.
_LOGS = {"MCP_MODELS_LOG": "debug", "OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug", "MISTRAL_DEBUG": "true"}
_ADDRESSES = ("ANTHROPIC_BASE_URL", "DEVSTRAL_ENDPOINT", "GOOGLE_GEMINI_BASE_URL", "MISTRAL_BASE_URL", "OLLAMA_HOST",
              "OPENAI_BASE_URL", "OPENROUTER_BASE_URL")  # fmt: skip


class Stranger(Endpoint):
    """An address that no request should reach: where a redirect leads, and where the other providers are."""

    def answer(self, request: Request) -> Reply:
        return json_reply({})


class RecordingPeer(Peer):
    """A server process whose every byte is kept."""

    def __init__(self, *command: str, **options: Any) -> None:
        self.raw = bytearray()
        super().__init__(*command, **options)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.raw += line
            self._lines.put(line)
        self._lines.put(None)


class Scene:
    """A provider's fake with a canary for a key, and an environment that holds the canaries of all the others, too.

    Args:
        fake_class: The fake.
        home: An empty folder, for the home of every process.

    Attributes:
        key: The provider's own key.
        variable: The variable that holds it.
        search: What has been searched so far.
    """

    def __init__(self, fake_class: type[FakeProvider], home: Path) -> None:
        self.home = home
        keys = canaries()
        self.search = Search(keys)
        self.variable = VARIABLES[fake_class.provider]
        self.key = keys[self.variable]
        self.fake, self.stranger = fake_class(), Stranger()
        self.fake.key = self.key  # type: ignore[attr-defined]
        self.direct, self.bridge = MODELS[fake_class.provider]
        addresses = dict.fromkeys(_ADDRESSES, self.stranger.url)
        variables = {**addresses, **self.fake.environment(), **keys, **_LOGS}
        self.environment = private_environment(home, **variables)
        self._open = ExitStack()
        self._server: RecordingPeer | None = None
        self._read_of_stderr = 0

    def __enter__(self) -> Self:
        for endpoint in (self.fake, self.stranger):
            self._open.enter_context(endpoint)
        self._open.enter_context(environment(self.environment))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._open.close()

    @property
    def server(self) -> RecordingPeer:
        """The provider's server. It is started on first use, and serves all rows."""
        if self._server is None:
            # The folder makes it a process of its own: a forked one would have SDKs that log to the stderr before the fork.
            peer = RecordingPeer(self.fake.provider, env=self.environment, cwd=self.home)
            self._server = self._open.enter_context(peer)
            self._server.initialize()
        return self._server

    def ask(self, *replies: Reply, **arguments: Any) -> dict[str, Any]:
        """Make a call through the server, and return the response. The fake gives these replies first."""
        self.fake.script(*replies)
        message = call("c", {"model": self.fake.model, **arguments}, progressToken="t", **{"mcp-models/stream": True})
        return self.response(message)

    def response(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message to the server, and return the response to it, after all notifications."""
        self.server.send(message)
        while "id" not in (answer := self.server.read()):
            pass
        return answer

    def collect(self, row: str) -> None:
        """Search what left the server and what the fakes received, and begin anew with the next row."""
        if self._server is not None:
            self.search.left(f"{row}, stdout", bytes(self._server.raw))
            self.search.left(f"{row}, stderr", self._server.stderr[self._read_of_stderr :])
            self._read_of_stderr = len(self._server.stderr)
            texts = "".join(_deltas(bytes(self._server.raw)))
            self.search.left(f"{row}, the streamed text", texts)
            self._server.raw.clear()
        for request in self.fake.requests:
            self.search.request(f"{row}, request", request, self.variable)
        for request in self.stranger.requests:
            self.search.request(f"{row}, request to a stranger", request, "")
        self.fake.forget()
        self.stranger.forget()

    def finish(self) -> None:
        """End the server, and search the rest of its output, and every file in the home folder."""
        if self._server is not None:
            self._server.close_stdin()
            self._server.exit_code(SECONDS)
            self._server.rest()
            self.collect("the end")
            self.search.left("all of stderr", self._server.stderr)
        for path in self.home.rglob("*"):
            if path.is_file():
                belongs = self.variable if path.name == "keys.json" else None
                self.search.left(f"the file {path.relative_to(self.home)}", path.read_bytes(), belongs)

    def result_of(self, row: str, ask: Callable[[], Any], *, raises: tuple[type[BaseException], ...] = (Exception,)) -> None:
        """Search what a call returns or raises: its text, its `repr`, its chain, its traceback and its pickle."""
        with logged() as records:
            try:
                self.search.left(f"{row}, the result", repr(ask()))
            except raises as error:
                self.search_error(row, error)
        self.search.left(f"{row}, the log of this process", "\n".join(records))

    def search_error(self, row: str, error: BaseException) -> None:
        """Search everything that an exception shows."""
        self.search.left(f"{row}, the traceback", "".join(traceback.format_exception(error)))
        chain: BaseException | None = error
        while chain is not None:
            self.search.left(f"{row}, {type(chain).__name__}", f"{chain} {chain!r} {chain.args!r} {vars(chain)!r}")
            with contextlib.suppress(Exception):  # some exceptions of SDKs cannot be pickled
                self.search.left(f"{row}, the pickle of {type(chain).__name__}", pickle.dumps(chain))
            chain = chain.__cause__ or chain.__context__


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collect what any library logs in this process, at any level."""
    records: list[str] = []
    root = logging.getLogger()
    handler = logging.Handler(0)
    formatter = logging.Formatter()
    handler.emit = lambda record: records.append(formatter.format(record))  # type: ignore[method-assign]
    level, disabled = root.level, logging.root.manager.disable
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield records
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        logging.root.manager.disable = disabled


def _deltas(raw: bytes) -> Iterator[str]:
    for line in raw.splitlines():
        params = json.loads(line).get("params", {})
        yield params.get("_meta", {}).get("mcp-models/delta", "")
