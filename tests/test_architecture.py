"""The architecture: imports point one way, each SDK is used in one file only, and every provider is complete."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.presets import PRESETS
from tests.checkout import ROOT
from tests.fakes import FAKES, PRESET_FAKES

FILES = sorted([*(ROOT / "servers").rglob("*.py"), *(ROOT / "client").rglob("*.py")])
MAY_IMPORT = {
    "core": ("mcp_models.servers.core",),
    "transport": ("mcp_models.servers.core",),
    "files": ("mcp_models.servers.core",),
    "ledger": ("mcp_models.servers.core",),
    "tasks": ("mcp_models.servers.core",),
    "telemetry": ("mcp_models.servers.core",),
    "codex": ("mcp_models.servers.core", "mcp_models.servers.codex"),
    "streamable_http": ("mcp_models.servers.core", "mcp_models.servers.streamable_http"),
    "servers": ("mcp_models.servers",),
    "batch": ("mcp_models.servers", "mcp_models.client"),
    "cluster": ("mcp_models.servers", "mcp_models.client"),
    "client": ("mcp_models.servers", "mcp_models.client"),
    "commands": ("mcp_models.servers", "mcp_models.client"),
    "doctor": ("mcp_models.servers", "mcp_models.client"),
    "hosts": ("mcp_models.servers", "mcp_models.client"),
    "models": ("mcp_models.servers", "mcp_models.client"),
    "tapes": ("mcp_models.servers", "mcp_models.client"),
    "usage": ("mcp_models.servers", "mcp_models.client"),
}
SDKS = {"openai": "openai", "anthropic": "anthropic", "mistralai": "mistral"}


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    for name in imports(path):
        if name.startswith("mcp_models."):
            assert name.startswith(MAY_IMPORT[path.parent.name]), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_sdk_is_imported_by_its_providers_file_only(path: Path) -> None:
    for sdk in imports(path):
        owner = SDKS.get(sdk.split(".")[0])
        assert owner is None or owner in path.name, f"{path.name} imports {sdk}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_what_it_owns_and_is_not_a_thousand_lines(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), path
    assert len(text.splitlines()) <= 400, path


def test_the_core_knows_no_provider_by_name() -> None:
    for path in (ROOT / "servers" / "core").glob("*.py"):
        code = ast.unparse(ast.parse(path.read_text(encoding="utf-8"))).lower()
        for name in server_modules():
            assert f"'{name}'" not in code, f"{path.name} names {name}"


@pytest.mark.parametrize("name", sorted(server_modules()))
def test_a_provider_is_complete(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert load_provider(name).extra in {"", *project["optional-dependencies"]}
    assert f"{name.replace('_', '-')}-mcp-server" in project["scripts"]
    assert name in PRESETS or (ROOT / "client" / "models" / f"{name}_mcp_model.py").exists()
    told = f"`{name}`" if name in PRESETS else f"`{name}-mcp-server`".replace("_", "-")
    assert told in (ROOT / "README.md").read_text()
    assert name not in PRESETS or f"| `{name}` |" in (ROOT / "docs" / "providers.md").read_text()


def test_every_provider_that_speaks_over_a_network_is_under_the_contract() -> None:
    assert {fake.provider for fake in (*FAKES, *PRESET_FAKES)} == set(server_modules()) - {"echo"}


def test_importing_the_client_costs_little() -> None:
    """The bridge imports nothing beyond the standard library."""
    code = "import sys; before = set(sys.modules); import mcp_models.client; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"asyncio", "msgspec", "httpx2", "openai", "click", "mcp", "pydantic"}
    assert not {name.split(".")[0] for name in loaded} & heavy
