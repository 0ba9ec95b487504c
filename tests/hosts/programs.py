"""List the hosts that can be run here without a person."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from tests.checkout import ROOT
from tests.codex_cli import codex
from tests.hosts.models import PROMPT, AmpService, ChatModel, FakeModel, GeminiModel, MessagesModel, ResponsesModel
from tests.hosts.program import Program, Reach
from tests.installed import npm_packages, pinned, python

ASK = "Use the tool `complete` of the server echo."
HERE = Path(__file__).parent


def _npm(name: str) -> Callable[[], Path]:
    return lambda: npm_packages("hosts", HERE) / "node_modules" / ".bin" / name


def _native(pattern: str) -> Callable[[], Path]:
    """Return a program of the package for this platform. npm's launcher would be made by a script, which is not run."""
    return lambda: next(iter(sorted((npm_packages("hosts", HERE) / "node_modules").glob(pattern))))


def _newer_node(home: Path, url: str) -> dict[str, str]:
    """Put npm's own Node first on the path."""
    return {"PATH": f"{_npm('node')().parent}{os.pathsep}{os.environ['PATH']}"}


def _client(name: str, package: str, environment: str, script: str, words: str, reach: Reach = "model") -> Program:
    """Return a script of `agents/`, in which a client for Python reads `.mcp.json`, with the words that it is asked."""
    lock_file = HERE / "environments" / f"{environment}.txt"
    return Program(
        host="claude-code",
        name=name,
        project=True,
        model=ChatModel if reach == "model" else FakeModel,
        reach=reach,
        program=lambda: python(lock_file),
        arguments=(str(HERE / "agents" / script), ".mcp.json", words),
        file=".mcp.json",
        settings=_PLAIN,
        variables=lambda home, url: {
            "FAKE_URL": f"{url}/v1",
            "LANGSMITH_TRACING": "false",
            "PYTHONPATH": str(ROOT / "tests" / "loopback_only"),
        },
        pinned=lambda: pinned(package, lock_file),
    )


_COMMENTED = '{\n  // The servers of a person who writes comments.\n  "mcpServers": {\n    /* none yet */\n  }\n}\n'
_PLAIN = '{\n   "mcpServers": {}\n}\n'

_CODEX_PROFILE = """model = "gpt-5.2"
model_provider = "fake"

[model_providers.fake]
name = "fake"
base_url = "URL/v1"
env_key = "FAKE_KEY"
wire_api = "responses"
"""

_GEMINI_SETTINGS = """{
    // The settings of a person who writes comments.
    "security": { "folderTrust": { "enabled": false } },
    "privacy": { "usageStatisticsEnabled": false },
    "general": { "enableAutoUpdate": false }
}
"""


def _opencode_model(url: str) -> str:
    options = {"baseURL": f"{url}/v1", "apiKey": "made-up"}
    fake = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"fake": {"name": "fake"}}}
    return json.dumps({"provider": {"fake": fake}, "model": "fake/fake", "autoupdate": False, "share": "disabled"})


def _cline_files(url: str) -> dict[str, str]:
    settings = {"provider": "openai-compatible", "apiKey": "made-up", "model": "fake", "baseUrl": f"{url}/v1"}
    provider = {"settings": settings, "updatedAt": "2026-11-26T00:00:00.000Z", "tokenSource": "manual"}
    providers = {"version": 1, "lastUsedProvider": "openai-compatible", "providers": {"openai-compatible": provider}}
    return {
        ".cline/data/settings/providers.json": json.dumps(providers),
        ".cline/data/settings/global-settings.json": json.dumps({"telemetryOptOut": True, "autoUpdateEnabled": False}),
    }


PROGRAMS = (
    Program(
        host="codex",
        model=ResponsesModel,
        program=codex,
        arguments=("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--profile", "fake", ASK),
        file=".codex/config.toml",
        settings='# The settings of a person who writes comments.\nmodel_verbosity = "low"   # be brief\n',
        other_files=lambda url: {".codex/fake.config.toml": _CODEX_PROFILE.replace("URL", url)},
        variables=lambda home, url: {"CODEX_HOME": str(home / ".codex"), "FAKE_KEY": "made-up"},
    ),
    Program(
        host="claude-code",
        model=MessagesModel,
        program=_native("@anthropic-ai/claude-code-*/claude*"),
        arguments=("-p", ASK, "--allowedTools", "mcp__echo__complete", "--model", "claude-sonnet-4-6"),
        file=".claude.json",
        settings='{\n  "hasCompletedOnboarding": true\n}\n',
        variables=lambda home, url: {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "made-up",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "ENABLE_TOOL_SEARCH": "false",  # or else its model has to search for the tool first
        },
        writes_its_file=True,
    ),
    Program(
        host="gemini",
        model=GeminiModel,
        program=_npm("gemini"),
        arguments=("-p", ASK, "-m", "gemini-2.5-flash", "--approval-mode", "yolo"),
        file=".gemini/settings.json",
        settings=_GEMINI_SETTINGS,
        variables=lambda home, url: {
            # The only way to log in with variables alone, and to an address of your own.
            "GOOGLE_GENAI_USE_VERTEXAI": "true",
            "GOOGLE_API_KEY": "made-up",
            "GOOGLE_VERTEX_BASE_URL": url,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "GEMINI_TELEMETRY_ENABLED": "false",
        },
    ),
    Program(
        host="opencode",
        model=ChatModel,
        program=_native("opencode-*-baseline/bin/opencode"),
        linux_only=True,
        arguments=("run", ASK),
        file=".config/opencode/opencode.json",
        settings='{\n  "$schema": "https://opencode.ai/config.json",\n  // The settings of a person who writes comments.\n}\n',
        variables=lambda home, url: {
            "OPENCODE_CONFIG_CONTENT": _opencode_model(url),
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            "OPENCODE_DISABLE_SHARE": "1",
        },
        adds=frozenset({"$schema"}),
    ),
    Program(
        host="copilot",
        model=ChatModel,
        program=_native("@github/copilot-*/copilot"),
        arguments=("-p", ASK, "--allow-all-tools"),
        file=".copilot/mcp-config.json",
        settings=_COMMENTED,
        variables=lambda home, url: {
            "COPILOT_PROVIDER_BASE_URL": f"{url}/v1",
            "COPILOT_PROVIDER_API_KEY": "made-up",
            "COPILOT_MODEL": "fake",
            "COPILOT_OFFLINE": "true",  # no login, no telemetry, no update
            "COPILOT_AUTO_UPDATE": "false",
        },
    ),
    Program(
        host="cline",
        model=ChatModel,
        program=_native("@cline/cli-*/bin/cline"),
        linux_only=True,
        arguments=(ASK,),
        file=".cline/data/settings/cline_mcp_settings.json",
        settings=_PLAIN,
        other_files=_cline_files,
        variables=lambda home, url: {
            "CLINE_NO_AUTO_UPDATE": "1",
            "CLINE_SESSION_BACKEND_MODE": "local",  # or else it leaves a process behind
        },
    ),
    Program(
        host="amp",
        model=AmpService,
        reach="list",
        program=_native("@ampcode/cli-*/amp"),
        linux_only=True,
        arguments=("mcp", "doctor"),
        file=".config/amp/settings.json",
        settings='{\n  // The settings of a person who writes comments.\n  "amp.updates.mode": "disabled",\n}\n',
        variables=lambda home, url: {"AMP_URL": url, "AMP_API_KEY": "made-up", "AMP_SKIP_UPDATE_CHECK": "1"},
    ),
    Program(
        host="claude-code",
        name="Inspector's CLI",
        project=True,
        reach="call",
        program=_npm("mcp-inspector"),
        arguments=(
            *("--cli", "--config", ".mcp.json", "--server", "echo"),
            *("--method", "tools/call", "--tool-name", "complete", "--tool-arg", f"prompt={PROMPT}"),
        ),
        file=".mcp.json",
        settings=_PLAIN,
        variables=_newer_node,
    ),
    _client("langchain-mcp-adapters", "langchain-mcp-adapters", "langchain", "langchain_agent.py", ASK),
    _client("pydantic-ai", "pydantic-ai-slim", "pydantic_ai", "pydantic_ai_agent.py", ASK),
    _client("FastMCP", "fastmcp-slim", "pydantic_ai", "fastmcp_client.py", PROMPT, reach="call"),
)
