"""Make the plugins: a folder of small files for each server, in the form that each host reads.

Every one starts `uvx … mcp-models serve PROVIDER`, which finds a stored key. The facts of the hosts are in `client/hosts/`.

Sources: https://agent-plugins.org, version 1.0.0; https://code.claude.com/docs/en/plugins-reference;
https://developers.openai.com/plugins/build/plugins;
https://github.com/google-gemini/gemini-cli/blob/main/docs/extensions/reference.md; and the programs themselves.
"""

from __future__ import annotations

import json
from typing import Any

from mcp_models.client.hosts.entry import entry
from mcp_models.client.hosts.table import HOSTS
from mcp_models.servers.core import TIMEOUT_DEFAULT
from tests.checkout import ROOT
from tests.published.product import AUTHOR, LICENSE, NAME, PAGES, PROJECT, REPOSITORY, VERSION, Server, servers

Files = dict[str, str]

AGENT_SCHEMAS = "https://agent-plugins.org/schemas/1.0.0"
FIRST_START_SECONDS = 180
"""How long a host should wait for a server to start: the first time, uv downloads what it needs."""

CLAUDE_MARKETPLACE = "mcp-models/claude-code"
"""The repository on GitHub that is to hold the marketplace."""

_NAMED_FOR_THE_API = {"anthropic": "messages", "anthropic-ollama": "ollama-messages"}

MARKETPLACE = "Every LLM provider as its own MCP server with one tool, complete."


def agent_plugins() -> Files:
    """Return the plugins in the portable form. It has no way to pass a variable on, so the key is a stored one."""
    files: Files = {}
    for server in servers():
        launch = {"type": "stdio", "command": server.command()[0], "args": server.command()[1:]}
        about = {key: value for key, value in _about(server, server.name).items() if key != "displayName"}
        files[f"{server.name}/plugin.json"] = _json({"$schema": f"{AGENT_SCHEMAS}/plugin.schema.json", **about})
        files[f"{server.name}/mcp.json"] = _json(
            {"$schema": f"{AGENT_SCHEMAS}/mcp.schema.json", "mcpServers": {server.slug: launch}}
        )
        files[f"{server.name}/README.md"] = readme(server, "A variable of your shell reaches the server only in some hosts.")
    return files


def claude_code() -> Files:
    """Return a marketplace for Claude Code and its plugins. Claude Code passes the whole environment on to a server.

    Sources of the rules for names: what `claude plugin validate --strict` says.
    """
    listed = [
        {
            "name": claude_name(server),
            "source": f"./plugins/{server.slug}",
            "description": server.description,
            "version": VERSION,
        }
        for server in servers()
    ]
    market = {"name": NAME, "owner": AUTHOR, "description": MARKETPLACE, "plugins": listed}
    files: Files = {".claude-plugin/marketplace.json": _json(market)}
    for server in servers():
        folder = f"plugins/{server.slug}"
        files[f"{folder}/.claude-plugin/plugin.json"] = _json(_about(server, claude_name(server)))
        files[f"{folder}/.mcp.json"] = _json({"mcpServers": {server.slug: _entry("claude-code", server, [])}})
        files[f"{folder}/README.md"] = readme(
            server,
            "Claude Code passes the variables of your shell on to it.",
            install=f"/plugin install {claude_name(server)} --marketplace {CLAUDE_MARKETPLACE}",
        )
        files[f"{folder}/LICENSE"] = _license()
    return files


def claude_name(server: Server) -> str:
    """Return what a plugin is called. Claude Code refuses names with `anthropic`: these have the name of its API, Messages."""
    return f"ask-{_NAMED_FOR_THE_API.get(server.slug, server.slug)}"


def codex() -> Files:
    """Return a marketplace for Codex and its plugins. Codex passes on only the variables that an entry lists."""
    listed = [
        {
            "name": server.slug,
            "source": {"source": "local", "path": f"./plugins/{server.slug}"},
            "policy": {"installation": "AVAILABLE", "authentication": "ON_USE"},
            "category": "Developer Tools",
        }
        for server in servers()
    ]
    market = {"name": NAME, "interface": {"displayName": NAME}, "plugins": listed}
    files: Files = {".agents/plugins/marketplace.json": _json(market)}
    for server in servers():
        folder = f"plugins/{server.slug}"
        places = ["XDG_CONFIG_HOME", "XDG_STATE_HOME"]  # where stored keys and the ledger are
        passed = [*(one.variable for one in server.settings), *places]
        launch = {**_entry("codex", server, passed), "startup_timeout_sec": FIRST_START_SECONDS}
        about = _about(server, server.slug)
        interface = {"displayName": about.pop("displayName"), "shortDescription": about["description"]}
        manifest = {**about, "mcpServers": "./.mcp.json", "interface": interface}
        files[f"{folder}/.codex-plugin/plugin.json"] = _json(manifest)
        files[f"{folder}/.mcp.json"] = _json({"mcpServers": {server.slug: launch}})
        files[f"{folder}/README.md"] = readme(server, "Codex passes these variables of your shell on to it.")
    return files


def gemini() -> Files:
    """Return the extensions for Gemini CLI.

    It asks for each setting and passes it on. Of your shell it keeps back whatever looks like a key, unless an entry refers to
    it by name.
    """
    files: Files = {}
    for server in servers():
        keys = [one.variable for one in server.own if one.secret]
        extension = {
            "name": server.name,
            "version": VERSION,
            "description": server.description,
            "mcpServers": {server.slug: _entry("gemini", server, keys)},
            "settings": [
                {"name": one.title, "description": one.description, "envVar": one.variable, "sensitive": one.secret}
                for one in server.settings
            ],
        }
        files[f"{server.name}/gemini-extension.json"] = _json(extension)
        files[f"{server.name}/README.md"] = readme(server, "Gemini CLI asks for each of these settings, and passes them on.")
    return files


def readme(server: Server, about_variables: str, install: str = "") -> str:
    """Return a page for people."""
    names = " and ".join(f"`{tool['name']}`" for tool in server.tools)
    origin = f"[{NAME}]({REPOSITORY}) {VERSION}. It needs [uv](https://docs.astral.sh/uv/)."
    lines = [f"# Ask {server.title}", "", server.description, "", f"It is an MCP server with the tools {names}, of {origin}"]
    if install:
        lines += ["", "```text", install, "```"]
    if any(one.secret for one in server.own):
        lines += ["", "Store the key once, and every host's server finds it:", ""]
        lines += ["```console", f"$ uvx {NAME} keys set {server.slug}", "```"]
    lines += ["", f"{about_variables} What you leave out has its default.", "", "| variable | |", "|---|---|"]
    lines += [f"| `{one.variable}` | {one.description} |" for one in server.settings]
    return "\n".join([*lines, "", f"More: {PAGES}", ""])


def _about(server: Server, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "displayName": f"Ask {server.title}",
        "version": VERSION,
        "description": server.description,
        "author": AUTHOR,
        "homepage": REPOSITORY,
        "repository": REPOSITORY,
        "license": LICENSE,
        "keywords": PROJECT["keywords"],
    }


def _entry(host: str, server: Server, variables: list[str]) -> dict[str, Any]:
    """Return a server's entry as `mcp-models install` would write it, but with a command for any machine."""
    row = HOSTS[host]
    command, *arguments = server.command()
    assert row.args_field is not None
    made = entry(row, server.slug, variables, TIMEOUT_DEFAULT, {})
    return {**made, row.command_field: command, row.args_field: arguments}


def _license() -> str:
    return (ROOT / "LICENSE").read_text(encoding="utf-8")


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
