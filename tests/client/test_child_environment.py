"""What a server gets of the environment: variables of its provider, the network and the language, but no other keys."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from mcp_models.client import MCPModel
from mcp_models.client.child_environment import server_environment
from mcp_models.servers import server_modules
from mcp_models.servers.presets import PRESETS
from tests.checkout import ROOT

KEYS = {
    "OPENAI_API_KEY": {"openai"},
    "OPENAI_CODEX_BIN": {"openai"},
    "CODEX_HOME": {"openai"},
    "ANTHROPIC_API_KEY": {"anthropic"},
    "ANTHROPIC_AUTH_TOKEN": {"anthropic_ollama"},  # the token of Ollama's cloud, which is none of Anthropic's
    "ANTHROPIC_BASE_URL": {"anthropic", "anthropic_ollama"},
    "MISTRAL_API_KEY": {"mistral"},
    "GOOGLE_API_KEY": {"google_ai_studio"},
    "GEMINI_API_KEY": {"google_ai_studio"},
    "OLLAMA_HOST": {"ollama"},
    "DEVSTRAL_ENDPOINT": {"devstral_local"},
    "GROQ_API_KEY": {"groq"},
    "HF_TOKEN": {"huggingface"},
    "KIMI_API_KEY": {"moonshot"},
    "ZHIPU_API_KEY": {"zai"},
    "TOGETHER_AI_API_KEY": {"together"},
    "DASHSCOPE_API_KEY": {"qwen"},
    "LMSTUDIO_BASE_URL": {"lmstudio"},
    "VLLM_BASE_URL": {"vllm"},
    "AWS_SECRET_ACCESS_KEY": set(),
    "GITHUB_TOKEN": set(),
    "MCP_MODELS_TOKEN": set(),
}


@pytest.mark.parametrize("provider", server_modules())
def test_a_server_gets_its_own_providers_variables_and_no_others(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.setenv(name, "x")
    assert {name for name in server_environment(provider) if name in KEYS} == {
        name for name, providers in KEYS.items() if provider in providers
    }


@pytest.mark.parametrize("provider", server_modules())
def test_every_variable_that_a_server_reads_reaches_it(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = list((ROOT / "servers" / "core").glob("*.py"))
    if provider not in PRESETS:
        files.append(ROOT / "servers" / f"{provider}_mcp_server.py")
    if provider == "openai":
        files += [ROOT / "servers" / "openai_api.py", *(ROOT / "servers" / "codex").glob("*.py")]
    read = {name for file in files for name in re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', file.read_text(encoding="utf-8"))}
    variables = {
        name for name in read if re.search(r"_(KEY|TOKEN|URL|HOST|ENDPOINT|MODE|BIN|CONFIG|ENGINE|FALLBACK|API)$", name)
    }
    variables |= {"MODEL_DEFAULT", "MCP_MODELS_TIMEOUT", "MCP_MODELS_MAX_RETRIES"}
    if provider in PRESETS:
        variables |= {*PRESETS[provider].key_variables, PRESETS[provider].url_variable}
    for name in variables:
        monkeypatch.setenv(name, "x")
    assert variables <= set(server_environment(provider))


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "LC_ALL", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "PYTHONPATH", "OTEL_SERVICE_NAME", "TMPDIR"]
)
def test_every_server_gets_what_programs_need(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    assert server_environment("anything")[name] == "x"


def test_a_callers_own_variables_go_before_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_URL", "mine")
    assert server_environment("other", {"OTHER_URL": "given", "GITHUB_TOKEN": "t"}).items() >= {
        ("OTHER_URL", "given"),
        ("GITHUB_TOKEN", "t"),
    }


@pytest.mark.parametrize("value", ["made-up-0123456789\0", "made-up-0123456789\ud800"])
def test_what_no_variable_can_hold_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(ValueError, match="OTHER_API_KEY holds a NUL or half of a surrogate pair") as caught:
        MCPModel("other", "m", ["x"], value)
    assert "made-up" not in repr((caught.value, caught.value.__cause__, caught.value.__context__))


def test_the_environment_shows_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_API_KEY", "secret-value")
    assert "secret-value" not in repr(server_environment("other"))


def test_the_server_process_has_no_other_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(f"""
import os, sys
sys.path.insert(0, {str(ROOT / "tests" / "misbehaving")!r})
from speaking import *
text = " ".join(sorted(name for name in os.environ if name.endswith("_KEY")))
answer(asked(), {{"content": [{{"type": "text", "text": text}}]}})
read()
""")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-0123456789")
    monkeypatch.setenv("OTHER_API_KEY", "made-up-0123456789")
    with MCPModel("other", "m", [sys.executable, str(script)]) as model:
        assert model.call("x")["output"] == "OTHER_API_KEY"
