"""Provide fakes of all providers that are reached over a network.

`FAKES` has those with a file of their own, and `PRESET_FAKES` those of the presets, which share one adapter.
"""

from tests.fakes import presets
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.anthropic_ollama import FakeAnthropicOllama
from tests.fakes.devstral_local import FakeDevstralLocal
from tests.fakes.google_ai_studio import FakeGoogleAIStudio
from tests.fakes.mistral import FakeMistral
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI, FakeOpenAIResponses
from tests.fakes.preset import FakePreset
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

SAMPLED = sorted({*(fake.provider for fake in FAKES), "echo", "groq"})
"""Every server with a file of its own, and one preset: for tests that start many processes."""

PRESET_FAKES: tuple[type[FakePreset], ...] = presets.FAKES
