"""Isolate the tests: they see no keys and no settings of the developer's, and no network except loopback."""

from __future__ import annotations

import os
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI

ROOT = Path(__file__).parent.parent
_LOOPBACK_ONLY = ROOT / "tests" / "loopback_only"
_OURS = re.compile(
    r"(_API_KEY|_TOKEN|_BASE_URL|_HOST|_PROXY)$|^(MCP_MODELS_|MODEL_DEFAULT|OPENAI_|ANTHROPIC_|OLLAMA_|MISTRAL_|GOOGLE_|CODEX_|GEMINI_|DEVSTRAL_)",
    re.IGNORECASE,
)

runpy.run_path(str(_LOOPBACK_ONLY / "sitecustomize.py"))
# Otherwise each of many hundred servers would compile its modules again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["MCP_MODELS_LEDGER"] = "off"  # here, as fixtures of a module start servers before a test has its own environment


@pytest.fixture(scope="session")
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the ledger of a model that a test gives an environment of its own."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, state_folder: Path) -> None:
    """Remove every key and setting from the environment, and restrict child processes to loopback."""
    for name in list(os.environ):
        if _OURS.search(name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(_LOOPBACK_ONLY))
    monkeypatch.setenv("MCP_MODELS_MAX_RETRIES", "0")
    monkeypatch.setenv("MCP_MODELS_LEDGER", "off")
    monkeypatch.setenv("XDG_STATE_HOME", str(state_folder))
    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        monkeypatch.setenv("PYTHON_COVERAGE", os.environ["COVERAGE_PROCESS_CONFIG"])


@pytest.fixture
def openai(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """A fake OpenAI. The key and the base URL in the environment lead to it."""
    with FakeOpenAI() as fake:
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        yield fake


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    """A fake Ollama. OLLAMA_HOST leads to it."""
    with FakeOllama() as fake:
        monkeypatch.setenv("OLLAMA_HOST", fake.url)
        yield fake


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the user's home for this process and its children."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    return folder
