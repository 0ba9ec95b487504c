"""Set the scene of a round: three faulty providers, and a model for each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from mcp_models.client import AnthropicModel, MCPModel, Model, OllamaModel, OpenAIModel
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.fakes.provider import FakeProvider
from tests.orchestration.faulty_provider import FaultyProvider
from tests.orchestration.schedule import Schedule
from tests.trust.isolation import environment

RULES: dict[str, type[FakeProvider]] = {"openai": FakeOpenAI, "anthropic": FakeAnthropic, "ollama": FakeOllama}
DIRECT: dict[str, type[OpenAIModel | AnthropicModel | OllamaModel]] = {
    "openai": OpenAIModel,
    "anthropic": AnthropicModel,
    "ollama": OllamaModel,
}
NAMES = {"openai": "gpt-x", "anthropic": "claude-sonnet-4-6", "ollama": "tiny"}


@contextmanager
def providers(schedule: Schedule, names: Sequence[str] = tuple(RULES)) -> Iterator[list[FaultyProvider]]:
    """Run a faulty provider for each name."""
    with ExitStack() as stack:
        yield [stack.enter_context(FaultyProvider(RULES[name](), schedule)) for name in names]


def model_of(fake: FaultyProvider, over_mcp: bool) -> Model:
    """Return a model that asks a fake, with the real adapter: in this process, or in a server's."""
    settings = {**fake.environment(), "MCP_MODELS_LEDGER": "off", "MCP_MODELS_MAX_RETRIES": "0"}
    if over_mcp:
        return MCPModel(fake.name, NAMES[fake.name], fake.name, env=settings)
    with environment({**os.environ, **settings}):
        return DIRECT[fake.name](NAMES[fake.name])
