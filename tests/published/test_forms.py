"""Every form has every server and every setting, is of this version, and holds no key."""

from __future__ import annotations

import io
import json
import os
import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core import __version__
from tests.checkout import ROOT
from tests.documents import variables
from tests.published import bundles, image, pins, registry
from tests.published.forms import forms
from tests.published.plugins import claude_name
from tests.published.product import Server, servers

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SERVERS = {server.provider: server for server in servers()}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    wheel = tmp_path_factory.mktemp("wheel") / f"mcp_models-{__version__}-py3-none-any.whl"
    wheel.write_bytes(b"the wheel")
    return forms(COMMIT, wheel)


def read(files: dict[str, bytes], path: str) -> Any:
    return json.loads(files[path]) if path.endswith(".json") else yaml.safe_load(files[path])


def variables_of(provider: str) -> set[str]:
    """Return the names that the documents list for a provider."""
    return {one.name for one in [*variables.of_provider(provider), *variables.TABLES[variables.GENERAL]]}


def other_names(provider: str) -> set[str]:
    """Return the further variables that may hold its key."""
    return set(load_provider(provider, {}).key_variables[1:])


def manifests(files: dict[str, bytes], server: Server) -> dict[str, Any]:
    """Return the file of each channel that describes a server."""
    paths = {
        "agent-plugins": f"agent-plugins/{server.name}/plugin.json",
        "claude-code": f"claude-code/plugins/{server.slug}/.claude-plugin/plugin.json",
        "codex": f"codex/plugins/{server.slug}/.codex-plugin/plugin.json",
        "gemini": f"gemini/{server.name}/gemini-extension.json",
        "registry": f"registry/{server.slug}/server.json",
        "docker": f"docker/servers/{server.name}/server.yaml",
    }
    found = {channel: read(files, path) for channel, path in paths.items()}
    archive = zipfile.ZipFile(io.BytesIO(files[f"mcpb/{server.name}.mcpb"]))
    return {**found, "mcpb": json.loads(archive.read("manifest.json"))}


def test_every_server_is_published() -> None:
    assert set(SERVERS) == set(server_modules())


@pytest.mark.parametrize("provider", SERVERS)
def test_a_server_is_in_every_channel_with_this_version(provider: str, files: dict[str, bytes]) -> None:
    server = SERVERS[provider]
    found = manifests(files, server)
    assert {one["version"] for channel, one in found.items() if channel != "docker"} == {__version__}
    assert found["docker"]["image"].endswith(f":{__version__}")
    for channel, one in found.items():
        assert server.title in json.dumps(one, ensure_ascii=False), channel


@pytest.mark.parametrize("provider", SERVERS)
def test_every_variable_can_be_set(provider: str, files: dict[str, bytes]) -> None:
    server, everything = SERVERS[provider], variables_of(provider)
    asked_for = everything - other_names(provider)
    found = manifests(files, server)
    assert {one["envVar"] for one in found["gemini"]["settings"]} == everything
    passed = read(files, f"codex/plugins/{server.slug}/.mcp.json")["mcpServers"][server.slug]["env_vars"]
    assert set(passed) == everything | {"XDG_CONFIG_HOME", "XDG_STATE_HOME"}
    assert set(found["mcpb"]["server"]["mcp_config"]["env"]) == asked_for
    listed = found["registry"]["packages"][0]["environmentVariables"]
    assert {one["name"] for one in listed} == asked_for - {one.variable for one in server.settings if one not in server.own}
    config = found["docker"]["config"]
    settable = {one["env"] for one in config.get("secrets", [])} | {one["name"] for one in config["env"]}
    assert settable == {name for name in asked_for if "CODEX" not in name and "LOGIN" not in name}


@pytest.mark.parametrize("provider", SERVERS)
def test_a_key_is_a_secret_wherever_it_is_asked_for(provider: str, files: dict[str, bytes]) -> None:
    keys = set(load_provider(provider, {}).key_variables)
    first = keys - other_names(provider)
    found = manifests(files, SERVERS[provider])
    assert {one["envVar"] for one in found["gemini"]["settings"] if one["sensitive"]} == keys
    fields = found["mcpb"]["user_config"]
    assert {name.upper() for name, field in fields.items() if field["sensitive"]} == first
    listed = found["registry"]["packages"][0]["environmentVariables"]
    assert {one["name"] for one in listed if one["isSecret"]} == first
    assert {one["env"] for one in found["docker"]["config"].get("secrets", [])} == first


def test_a_key_is_required_where_nothing_works_without_it() -> None:
    required = {one.variable for server in servers() for one in server.settings if one.required}
    assert {"ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GROQ_API_KEY"} <= required
    assert not {"OPENAI_API_KEY", "OLLAMA_API_KEY", "VLLM_API_KEY", "GEMINI_API_KEY"} & required
    assert "ChatGPT login" in SERVERS["openai"].description


def test_a_form_says_where_to_get_a_key() -> None:
    without = [
        one.variable for server in servers() for one in server.settings if one.required and "https://" not in one.description
    ]
    assert without == []


def test_no_file_holds_a_key(files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in SERVERS:
        for variable in variables_of(provider):
            monkeypatch.setitem(os.environ, variable, "sk-canary-0123456789")
    wheel = tmp_path / next(path for path in files if path.endswith(".whl")).rpartition("/")[2]
    wheel.write_bytes(b"the wheel")
    again = forms(COMMIT, wheel)
    assert again == files, "the same commit gives the same files, whatever the environment"
    assert not [path for path, content in again.items() if b"canary" in content]


def test_what_people_read_is_plain_text(files: dict[str, bytes]) -> None:
    texts = [setting.description for server in servers() for setting in server.settings]
    texts += [text for server in servers() for text in (server.description, server.title)]
    assert not [text for text in texts if "`" in text or "](" in text]


def test_names_fit_where_hosts_put_them(files: dict[str, bytes]) -> None:
    for server in servers():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", server.name)
        for tool in server.tools:
            name = f"mcp__plugin_{claude_name(server)}_{server.slug}__{tool['name']}"  # as Claude Code has it
            assert len(name) <= 64  # the limit of Anthropic's API
    names = {
        "claude-code/.claude-plugin/marketplace.json": set(map(claude_name, servers())),
        "codex/.agents/plugins/marketplace.json": {server.slug for server in servers()},
    }
    for path, expected in names.items():
        assert {plugin["name"] for plugin in read(files, path)["plugins"]} == expected


def test_an_entry_of_the_registry_names_its_schema_and_fits_its_limits(files: dict[str, bytes]) -> None:
    """skillsaw lets a wrong `$schema` pass."""
    for server in servers():
        entry = read(files, f"registry/{server.slug}/server.json")
        assert entry["$schema"] == "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
        assert entry["name"] == f"io.github.mcp-models/{server.slug}"
        assert len(entry["description"]) <= 100
        assert "registryBaseUrl" not in entry["packages"][0]  # VS Code would take it for an index


def test_a_plugin_of_the_portable_form_names_its_schemas(files: dict[str, bytes]) -> None:
    for server in servers():
        for name in ("plugin", "mcp"):
            document = read(files, f"agent-plugins/{server.name}/{name}.json")
            assert document["$schema"] == f"https://agent-plugins.org/schemas/1.0.0/{name}.schema.json"


def test_the_readme_has_the_mark_that_the_registry_looks_for_of_every_server() -> None:
    marks = re.findall(r"^mcp-name: (\S+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(marks) == sorted(map(registry.registry_name, servers()))


def test_a_bundle_pins_what_it_needs_to_the_versions_of_the_tests() -> None:
    project = tomllib.loads(bundles.contents(SERVERS["anthropic"])["pyproject.toml"])
    assert project["project"]["dependencies"] == [f"mcp-models[anthropic]=={__version__}"]
    pinned = {line.partition("==")[0] for line in project["tool"]["uv"]["constraint-dependencies"]}
    assert {"anthropic", "httpx2", "pydantic-core", "msgspec"} <= pinned
    assert not {"openai", "mistralai", "pytest", "mcp-models"} & pinned


def test_the_image_installs_only_what_the_servers_need_each_with_its_hashes() -> None:
    lines = image.requirements().splitlines()
    names = {line.partition("==")[0] for line in lines if not line.startswith(" ")}
    assert {"anthropic", "openai", "mistralai", "httpx2", "msgspec", "click"} <= names
    assert not {"pytest", "mypy", "keyring", "pyyaml"} & names
    assert set(lines) <= set((ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()) | {""}
    assert all(any(entry.count("--hash=sha256:") for entry in pins.locked()[name]) for name in names)


def test_what_only_another_platform_needs_is_found_too() -> None:
    assert "httpx2-jsfetch" not in pins.needed(["http"])
    assert "httpx2-jsfetch" in pins.needed(["http"], {"sys_platform": "emscripten", "python_version": "3.13"})


def test_a_container_reaches_a_server_on_the_users_machine(files: dict[str, bytes]) -> None:
    config = read(files, "docker/servers/mcp-models-ollama/server.yaml")["config"]
    defaults = {name: field.get("default") for name, field in config["parameters"]["properties"].items()}
    assert defaults["ollama_host"] == "http://host.docker.internal:11434"
    assert defaults["mcp_models_allow_http"] == "1"
    assert all("default" not in field for field in _parameters(files, "groq").values())


def _parameters(files: dict[str, bytes], slug: str) -> dict[str, Any]:
    found: dict[str, Any] = read(files, f"docker/servers/mcp-models-{slug}/server.yaml")["config"]["parameters"]["properties"]
    return found


@pytest.mark.parametrize("provider", SERVERS)
def test_an_entry_of_the_catalog_keeps_the_catalogs_rules(provider: str, files: dict[str, bytes]) -> None:
    """The rules of docker/mcp-registry's `cmd/validate` that need no network."""
    server = SERVERS[provider]
    entry = read(files, f"docker/servers/{server.name}/server.yaml")
    assert re.fullmatch(r"[a-z0-9-]+", entry["name"])
    title = entry["about"]["title"]
    assert "MCP" not in title
    assert "Server" not in title
    assert all(word[0] == word[0].upper() for word in title.split())
    assert re.fullmatch(r"[a-f0-9]{40}", entry["source"]["commit"])
    assert all(re.fullmatch(r"[\w-]+\.[\w.-]+", one["name"]) for one in entry["config"].get("secrets", []))
    parameters = entry["config"]["parameters"]["properties"]
    wanted = {f"{{{{{entry['name']}.{name}}}}}" for name in parameters}
    assert {one["value"] for one in entry["config"]["env"]} == wanted
    assert entry["run"]["command"] == [server.slug]


def test_the_image_does_not_run_as_root_and_names_its_base(files: dict[str, bytes]) -> None:
    lines = files["docker/Dockerfile"].decode().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER 65532:65532"]
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert all(re.fullmatch(r"python:3\.\d+-slim-[a-z]+", base) for base in bases)
    assert 'ENTRYPOINT ["mcp-models", "serve"]' in lines
