"""What a published form starts is the server, with the settings that a person has given."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.google_ai_studio import FakeGoogleAIStudio
from tests.fakes.mistral import FakeMistral
from tests.fakes.openai import FakeOpenAI
from tests.peer import Peer, call, request
from tests.published import programs
from tests.published.launch import Launcher, entry, registry_command
from tests.published.product import Server, servers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SECONDS = 120
SERVERS = {server.provider: server for server in servers()}
Fake = FakeAnthropic | FakeGoogleAIStudio | FakeMistral | FakeOpenAI
ASKED: dict[str, type[Fake]] = {fake.provider: fake for fake in (FakeAnthropic, FakeGoogleAIStudio, FakeMistral, FakeOpenAI)}
"""Providers with a key, one for each extra, with their fakes."""

FILES = (
    "agent-plugins/{name}/mcp.json",
    "claude-code/plugins/{slug}/.mcp.json",
    "codex/plugins/{slug}/.mcp.json",
    "gemini/{name}/gemini-extension.json",
)


def started(command: list[str], environment: dict[str, str], cwd: Path) -> Peer:
    """Start what a form says, as a host finds it on its PATH."""
    program = shutil.which(command[0], path=environment["PATH"])
    return Peer(str(program), *command[1:], env=environment, cwd=cwd)


def check(server: Server, peer: Peer, fake: Fake | None = None) -> None:
    """Do a handshake, list the tools, and if there is a fake of the provider, ask it and see that the key reaches it."""
    client = {"name": "tests", "version": "1"}
    first = request(0, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
    assert peer.ask(first, SECONDS)["result"]["serverInfo"]["name"] == f"{server.slug}-mcp-server"
    listed = peer.ask(request(1, "tools/list"))["result"]["tools"]
    assert [tool["name"] for tool in listed] == [tool["name"] for tool in server.tools]
    if fake:
        result = peer.ask(call(2, {"prompt": "Hello?", "model": fake.model}), SECONDS)["result"]
        assert not result["isError"], result
        assert fake.key in " ".join(fake.requests[-1].headers.values())
    end(peer)


def end(peer: Peer) -> None:
    """Let the server end by itself: it is a child of uv, which would outlive it."""
    peer.close_stdin()
    assert peer.exit_code() == 0


@pytest.mark.parametrize("provider", SERVERS)
def test_a_plugin_starts_its_server(provider: str, published: Path, launcher: Launcher, tmp_path: Path) -> None:
    server = SERVERS[provider]
    entries = [entry(published / file.format(name=server.name, slug=server.slug), server.slug) for file in FILES]
    commands = [[one["command"], *one["args"]] for one in entries]
    assert commands == [commands[0]] * len(FILES), "one run shows it of all of them"
    with started(commands[0], launcher.environment(), tmp_path) as peer:
        check(server, peer)


def test_a_server_with_each_extra_is_asked() -> None:
    assert {SERVERS[provider].extra for provider in ASKED} == {server.extra for server in servers()} - {""}


@pytest.mark.parametrize("provider", ASKED)
def test_an_entry_of_the_registry_starts_its_server(provider: str, published: Path, launcher: Launcher, tmp_path: Path) -> None:
    server = SERVERS[provider]
    command = registry_command(published / "registry" / server.slug / "server.json")
    with ASKED[provider]() as fake, started(command, launcher.environment(**fake.environment()), tmp_path) as peer:
        check(server, peer, fake)


@pytest.mark.parametrize("provider", ASKED)
def test_a_bundle_starts_its_server_with_the_settings_of_its_form(
    provider: str, published: Path, launcher: Launcher, tmp_path: Path
) -> None:
    server, folder = SERVERS[provider], tmp_path / "bundle"
    programs.mcpb("unpack", published / "mcpb" / f"{server.name}.mcpb", folder)
    with ASKED[provider]() as fake:
        filled_in: dict[str, str | bool] = {name.lower(): value for name, value in fake.environment().items()}
        found = programs.bundle_config(folder, filled_in)
        assert found, "a setting is missing"
        with started([found["command"], *found["args"]], launcher.environment(**found["env"]), tmp_path) as peer:
            check(server, peer, fake)


def test_a_bundle_is_not_started_without_the_key_that_it_needs(published: Path, tmp_path: Path) -> None:
    for slug, expected in (("groq", None), ("openai", "uv")):
        folder = tmp_path / slug
        programs.mcpb("unpack", published / "mcpb" / f"mcp-models-{slug}.mcpb", folder)
        found = programs.bundle_config(folder, {})
        assert (found and found["command"]) == expected


def test_what_is_not_filled_in_counts_as_not_set(published: Path, launcher: Launcher, tmp_path: Path) -> None:
    """The library leaves the reference to such a setting as it stands."""
    folder = tmp_path / "bundle"
    programs.mcpb("unpack", published / "mcpb" / "mcp-models-openai.mcpb", folder)
    found = programs.bundle_config(folder, {})
    assert found
    assert found["env"]["OPENAI_API_KEY"].startswith("${")
    with started([found["command"], *found["args"]], launcher.environment(**found["env"]), tmp_path) as peer:
        error = peer.ask(call(1, {"prompt": "x"}), SECONDS)["result"]["_meta"]["mcp-models/error"]
        end(peer)
    assert error["type"] == "configuration"
    assert "OPENAI_API_KEY is not set" in error["message"]
