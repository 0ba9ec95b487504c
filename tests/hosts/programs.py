"""List the hosts that can be run here without a person, each with what it needs to run in a private home."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.codex_cli import codex
from tests.hosts.models import FakeModel, GeminiModel, MessagesModel, ResponsesModel
from tests.installed import npm_packages

ASK = "Use the tool `complete` of the server echo."


@dataclass(frozen=True)
class Program:
    """A host's program.

    Attributes:
        host: The host's name in our table.
        model: Makes the fake of its model.
        program: Returns the path of the program.
        arguments: Its arguments.
        file: Its settings, below the home.
        settings: Returns what stands in these before our server is installed, given the model's address.
        variables: Returns its environment, given its home and the model's address.
        writes_its_file: Whether the host itself writes to the file that we edit.
    """

    host: str
    model: Callable[[], FakeModel]
    program: Callable[[], Path]
    arguments: tuple[str, ...]
    file: str
    settings: Callable[[str], str]
    variables: Callable[[Path, str], dict[str, str]]
    writes_its_file: bool = False

    def set_up(self, home: Path, url: str) -> None:
        """Write the settings that it has before our server comes."""
        file = home / self.file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.settings(url), encoding="utf-8")

    def environment(self, home: Path, url: str) -> dict[str, str]:
        """Return the variables that it needs."""
        return self.variables(home, url)

    def command(self, home: Path) -> list[str]:
        """Return the command that asks it to use the tool."""
        return [str(self.program()), *self.arguments]

    def version(self, home: Path) -> str:
        """Return the number of its version."""
        said = subprocess.run([str(self.program()), "--version"], capture_output=True, text=True, timeout=60, cwd=home).stdout
        return next(word for word in said.split() if word[:1].isdigit())


def _npm(name: str) -> Path:
    return npm_packages("hosts", Path(__file__).parent) / "node_modules" / ".bin" / name


def _claude() -> Path:
    """Return the program itself. npm's launcher would be made by a script of the package, which is not run."""
    packages = _npm("claude").parent.parent / "@anthropic-ai"
    return next(packages.glob("claude-code-*/claude*"))


def _codex_settings(url: str) -> str:
    return f"""# The settings of a person who writes comments.
model = "gpt-5.2"   # a model
model_provider = "fake"

[model_providers.fake]
name = "fake"
base_url = "{url}/v1"
env_key = "FAKE_KEY"
wire_api = "responses"
"""


_GEMINI_SETTINGS = json.dumps(
    {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
    },
    indent=4,
)

PROGRAMS = (
    Program(
        host="codex",
        model=ResponsesModel,
        program=codex,
        arguments=("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", ASK),
        file=".codex/config.toml",
        settings=_codex_settings,
        variables=lambda home, url: {"CODEX_HOME": str(home / ".codex"), "FAKE_KEY": "made-up"},
    ),
    Program(
        host="claude-code",
        model=MessagesModel,
        program=_claude,
        arguments=("-p", ASK, "--allowedTools", "mcp__echo__complete", "--model", "claude-sonnet-4-6"),
        file=".claude.json",
        settings=lambda url: '{\n  "hasCompletedOnboarding": true\n}\n',
        variables=lambda home, url: {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "made-up",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        },
        writes_its_file=True,
    ),
    Program(
        host="gemini",
        model=GeminiModel,
        program=lambda: _npm("gemini"),
        arguments=("-p", ASK, "-m", "gemini-2.5-flash", "--approval-mode", "yolo"),
        file=".gemini/settings.json",
        settings=lambda url: _GEMINI_SETTINGS,
        variables=lambda home, url: {
            "GEMINI_API_KEY": "made-up",
            "GOOGLE_GEMINI_BASE_URL": url,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        },
    ),
)
