"""Make the bundles for Claude Desktop: a `.mcpb` file for each server, in which uv installs and runs it.

Source: https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md, version 0.4 of the manifest.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from tests.published import pins
from tests.published.product import AUTHOR, ISSUES, LICENSE, PAGES, PROJECT, REPOSITORY, VERSION, Server, Setting

SCHEMA_VERSION = "0.4"
ENTRY_POINT = "server.py"

_DATE = (1980, 1, 1, 0, 0, 0)  # the same content gives the same file


def bundle(server: Server) -> bytes:
    """Return a server's `.mcpb` file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents(server).items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), text, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def contents(server: Server) -> dict[str, str]:
    """Return the files in a server's bundle."""
    return {
        "manifest.json": json.dumps(manifest(server), indent=2, ensure_ascii=False) + "\n",
        "pyproject.toml": _pyproject(server),
        ENTRY_POINT: (
            f'"""Serve {server.title} over MCP, with the settings that the host has put into the environment."""\n\n'
            f'from mcp_models.client.commands.serve import serve\n\nserve("{server.slug}", [])\n'
        ),
    }


def manifest(server: Server) -> dict[str, Any]:
    """Return a bundle's manifest."""
    return {
        "manifest_version": SCHEMA_VERSION,
        "name": server.name,
        "display_name": f"Ask {server.title}",
        "version": VERSION,
        "description": server.description,
        "author": AUTHOR,
        "repository": {"type": "git", "url": REPOSITORY},
        "homepage": REPOSITORY,
        "documentation": PAGES,
        "support": ISSUES,
        "license": LICENSE,
        "keywords": PROJECT["keywords"],
        "server": {
            "type": "uv",
            "entry_point": ENTRY_POINT,
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", ENTRY_POINT],
                "env": {one.variable: f"${{user_config.{one.variable.lower()}}}" for one in server.asked_for},
            },
        },
        "tools": [{"name": tool["name"], "description": tool["description"]} for tool in server.tools],
        "user_config": {one.variable.lower(): _field(one) for one in server.asked_for},
        "compatibility": {
            "platforms": ["darwin", "win32", "linux"],
            "runtimes": {"python": PROJECT["requires-python"]},
        },
    }


def _field(setting: Setting) -> dict[str, Any]:
    field: dict[str, Any] = {"type": setting.kind, "title": setting.title, "description": setting.description}
    if setting.kind == "boolean":
        field["default"] = setting.default == "true"
    return {**field, "sensitive": setting.secret, "required": setting.required}


def _pyproject(server: Server) -> str:
    """Return the project that uv installs. Its constraints are the versions that the tests run with."""
    names = pins.needed([server.extra] if server.extra else [], pins.WINDOWS, pins.MACOS)
    entries = [entry for name in names for entry in pins.locked().get(name, [])]
    versions = [entry.partition(" \\\n")[0].strip() for entry in entries]
    return "\n".join(
        [
            "[project]",
            f'name = "{server.name}"',
            f'version = "{VERSION}"',
            f'requires-python = "{PROJECT["requires-python"]}"',
            f'dependencies = ["{server.requirement}"]',
            "",
            "[tool.uv]",
            "package = false",
            "constraint-dependencies = [",
            *(f"    {json.dumps(version)}," for version in versions),
            "]",
            "",
        ]
    )
