"""Provide fakes of all providers that are reached over a network."""

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.anthropic_ollama import FakeAnthropicOllama
from tests.fakes.devstral_local import FakeDevstralLocal
from tests.fakes.google_ai_studio import FakeGoogleAIStudio
from tests.fakes.mistral import FakeMistral
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI, FakeOpenAIResponses
from tests.fakes.provider import FakeProvider

FAKES: tuple[type[FakeProvider], ...] = (
    FakeAnthropic,
    FakeAnthropicOllama,
    FakeDevstralLocal,
    FakeGoogleAIStudio,
    FakeMistral,
    FakeOllama,
    FakeOpenAI,
    FakeOpenAIResponses,
)
