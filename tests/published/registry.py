"""Make the entries of the MCP Registry: a `server.json` for each server.

Sources: https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json; for what a host makes of an entry,
https://github.com/microsoft/vscode/blob/main/src/vs/platform/mcp/common/mcpManagementService.ts.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.published.product import NAME, REPOSITORY, VERSION, Server, Setting, servers

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"

MARK = "mcp-name"
"""The word that precedes a server's name in the README: by this, the registry knows that the package is the publisher's."""


def registry_name(server: Server) -> str:
    """Return a server's name in the registry, in the namespace that belongs to the repository's owner."""
    host, owner = urlsplit(REPOSITORY).hostname, urlsplit(REPOSITORY).path.split("/")[1]
    assert host == "github.com", "the registry's namespace follows from a repository on GitHub"
    return f"io.github.{owner}/{server.slug}"


def marks() -> str:
    """Return the lines that the README needs for all entries, in a comment."""
    return "\n".join(["<!--", *(f"{MARK}: {registry_name(server)}" for server in servers()), "-->"])


def server_json(server: Server) -> dict[str, Any]:
    """Return a server's entry.

    A host puts the command together from it: `uvx`, the runtime's arguments, the package, the package's arguments. It asks
    for each variable that has a description, one by one, so the general settings are left to their page.
    """
    how = ", on an API key or a ChatGPT login" if server.login else ", on this machine" if server.local else ""
    return {
        "$schema": SCHEMA,
        "name": registry_name(server),
        "title": server.title,
        "description": f"Ask {server.title} with the tool complete{how}.",
        "version": VERSION,
        "repository": {"url": REPOSITORY, "source": "github"},
        "websiteUrl": f"{REPOSITORY}#readme",
        "packages": [_package(server)],
    }


def _package(server: Server) -> dict[str, Any]:
    with_extra = [{"type": "named", "name": "--with", "value": server.requirement}] if server.extra else []
    return {
        "registryType": "pypi",
        "identifier": NAME,
        "version": VERSION,
        "runtimeHint": "uvx",
        "runtimeArguments": with_extra,
        "packageArguments": [{"type": "positional", "value": word} for word in ("serve", server.slug)],
        "transport": {"type": "stdio"},
        "environmentVariables": [_variable(one) for one in server.own if not one.another_name],
    }


def _variable(setting: Setting) -> dict[str, Any]:
    return {
        "name": setting.variable,
        "description": setting.description,
        "format": setting.kind,
        "isRequired": setting.required,
        "isSecret": setting.secret,
    }
