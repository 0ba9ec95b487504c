"""Start what the published forms start, from a wheel that no index has."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

from tests.checkout import BIN, network_environment

_OF_THE_NETWORK = re.compile(r"^(UV_|SSL_)|_PROXY$", re.IGNORECASE)
"""Variables that uv needs to reach an index, where a host would pass on only some."""


class Launcher:
    """The environment in which `uv` and `uvx` find the project's wheel, and remember nothing of other runs.

    Args:
        folder: A folder of its own, for uv's cache and a stand-in for `uvx`.
        wheels: The folder with the wheel.
    """

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        network = {name: value for name, value in os.environ.items() if _OF_THE_NETWORK.search(name)}
        variables = {**network, "UV_FIND_LINKS": str(wheels), "UV_CACHE_DIR": str(folder / "cache")}
        settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
        # A host passes few variables on, and PATH is one of them. The tests of hosts send what they fetch to a dead proxy.
        for name in ("uv", "uvx"):
            program = self.bin / name
            program.write_text(
                f'#!/bin/sh\nunset HTTP_PROXY HTTPS_PROXY\n{settings} exec {shlex.quote(str(BIN / name))} "$@"\n',
                encoding="utf-8",
            )
            program.chmod(0o755)

    def environment(self, **settings: str) -> dict[str, str]:
        """Return an environment with settings of a server, as a host would start it."""
        environment = network_environment(**settings)
        return {**environment, "PATH": f"{self.bin}:{environment['PATH']}", "MCP_MODELS_LEDGER": "off"}


def entry(file: Path, server: str) -> dict[str, Any]:
    """Return a server's entry in a plugin's file."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["mcpServers"][server]
    return found


def registry_command(file: Path) -> list[str]:
    """Return the command that VS Code puts together from an entry of the MCP Registry.

    Source: https://github.com/microsoft/vscode/blob/main/src/vs/platform/mcp/common/mcpManagementService.ts
    """
    package = json.loads(file.read_text(encoding="utf-8"))["packages"][0]
    return [
        package["runtimeHint"],
        *_words(package["runtimeArguments"]),
        f"{package['identifier']}=={package['version']}",
        *_words(package["packageArguments"]),
    ]


def _words(arguments: list[dict[str, str]]) -> list[str]:
    return [word for one in arguments for word in ([one["name"]] if one["type"] == "named" else []) + [one["value"]]]
