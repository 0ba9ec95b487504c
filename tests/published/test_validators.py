"""Each channel's own validator accepts what is published, and would refuse what is broken."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.published import programs
from tests.published.product import servers
from tests.published.programs import Refused

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # the first run installs the validators

SAMPLE = ("echo", "google-ai-studio", "openai")
"""Without a key, with two names for it, and with most settings: for validators that take seconds each."""


def counted(said: str) -> int:
    """Return how many plugins skillsaw says that it looked at."""
    found = re.search(r"Plugins: +(\d+)", said)
    assert found, said
    return int(found[1])


def test_bundles_are_taken_apart_and_packed_again_by_the_official_program(published: Path, tmp_path: Path) -> None:
    def pack(ours: Path) -> None:
        folder, theirs = tmp_path / ours.stem, tmp_path / ours.name
        programs.mcpb("unpack", ours, folder)
        assert "schema validation passes" in programs.mcpb("pack", folder, theirs)
        assert _contents(theirs.read_bytes()) == _contents(ours.read_bytes())

    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(pack, sorted((published / "mcpb").glob("*.mcpb"))))) == len(servers())


def test_a_broken_bundle_is_refused(published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    programs.mcpb("unpack", published / "mcpb" / "mcp-models-openai.mcpb", folder)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"0.4"', '"0.3"'), encoding="utf-8")  # it knew no uv
    with pytest.raises(Refused, match=r"server\.type"):
        programs.mcpb("validate", manifest)


def _contents(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_entries_of_the_mcp_registry(published: Path) -> None:
    assert "mcp-registry" in programs.skillsaw(published / "registry")


def test_plugins_of_the_portable_form(published: Path) -> None:
    assert counted(programs.skillsaw(*sorted((published / "agent-plugins").iterdir()))) == len(servers())


def test_plugins_and_marketplace_of_claude_code(published: Path, tmp_path: Path) -> None:
    assert counted(programs.skillsaw(published / "claude-code")) == len(servers())
    folders = [published / "claude-code", *(published / "claude-code" / "plugins" / name for name in SAMPLE)]
    for folder in folders:
        assert "Validation passed" in programs.claude(tmp_path, "plugin", "validate", "--strict", folder)


def test_plugins_and_marketplace_of_codex(published: Path) -> None:
    said = programs.skillsaw(published / "codex")
    assert counted(said) == len(servers())
    assert "codex-marketplace" in said


def test_extensions_of_gemini_cli(published: Path, tmp_path: Path) -> None:
    for name in SAMPLE:
        said = programs.gemini(tmp_path, "extensions", "validate", published / "gemini" / f"mcp-models-{name}")
        assert "successfully validated" in said


def test_the_dockerfile(published: Path) -> None:
    programs.hadolint(published / "docker" / "Dockerfile")


def test_entries_of_dockers_catalog_are_formatted_as_it_asks(published: Path) -> None:
    programs.prettier("--check", *sorted((published / "docker" / "servers").glob("*/server.yaml")))


BREAK: dict[str, tuple[str, str, str, Callable[[Path, Path], str]]] = {
    "registry": ("registry/openai/server.json", '"stdio"', '"pigeon"', lambda at, home: programs.skillsaw(at / "registry")),
    "portable": (
        "agent-plugins/mcp-models-openai/mcp.json",
        '"command"',
        '"order"',
        lambda at, home: programs.skillsaw(at / "agent-plugins" / "mcp-models-openai"),
    ),
    "claude-code": (
        "claude-code/plugins/openai/.claude-plugin/plugin.json",
        '"version"',
        '"edition"',
        lambda at, home: programs.claude(home, "plugin", "validate", "--strict", at / "claude-code" / "plugins" / "openai"),
    ),
    "codex": (
        "codex/plugins/openai/.codex-plugin/plugin.json",
        '"name": "openai"',
        '"title": "openai"',
        lambda at, home: programs.skillsaw(at / "codex"),
    ),
    "gemini": (
        "gemini/mcp-models-openai/gemini-extension.json",
        '"name": "mcp-models-openai"',
        '"name": "mcp models"',
        lambda at, home: programs.gemini(home, "extensions", "validate", at / "gemini" / "mcp-models-openai"),
    ),
    "docker": ("docker/Dockerfile", ":3.13-slim-trixie", "", lambda at, home: programs.hadolint(at / "docker" / "Dockerfile")),
    "catalog": (
        "docker/servers/mcp-models-openai/server.yaml",
        "  category",
        "      category",
        lambda at, home: programs.prettier("--check", at / "docker/servers/mcp-models-openai/server.yaml"),
    ),
}


@pytest.mark.parametrize("channel", BREAK)
def test_a_broken_file_is_refused(channel: str, published: Path, tmp_path: Path) -> None:
    path, right, wrong, validate = BREAK[channel]
    copy = tmp_path / "published"
    shutil.copytree(published, copy)
    text = (copy / path).read_text(encoding="utf-8")
    assert right in text
    (copy / path).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(Refused):
        validate(copy, tmp_path)
