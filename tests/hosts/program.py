"""Define `Program`: a host that can be run here without a person, and what it needs to run in a private home."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mcp_models.client.hosts.table import HOSTS
from tests.hosts.models import FakeModel

Reach = Literal["model", "call", "list"]
"""How far a host comes here: its model gets the tool's answer, it calls the tool itself, or it lists the tools."""

NOWHERE = "http://127.0.0.1:9"

OFFLINE = {
    # What a host would fetch in spite of its own switches goes to a port where nobody listens.
    "HTTP_PROXY": NOWHERE,
    "HTTPS_PROXY": NOWHERE,
    "NO_PROXY": "127.0.0.1,localhost",
    "npm_config_registry": NOWHERE,
    "DO_NOT_TRACK": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
}


def _nothing(*_: object) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Program:
    """A host's program.

    Attributes:
        host: The host's name in our table, which our server is installed into.
        program: Returns the path of the program.
        arguments: Its arguments. They may refer to files below the home, where it is run.
        file: The file that our server is installed into, below the home.
        settings: What stands in this file before.
        model: Makes the fake of its model.
        reach: How far it comes.
        variables: Returns its environment, given its home and the model's address.
        other_files: Returns the other files that it needs, given the model's address: their text, by their path below the home.
        name: What to call it, if it reads another host's file.
        project: Whether our server is installed into the project's file.
        writes_its_file: Whether the host itself writes to the file that we edit.
        adds: The keys that it adds to this file if they are missing.
        pinned: Returns its version. None if the program says it.
        linux_only: Whether it is pinned for Linux on x86-64 alone.
    """

    host: str
    program: Callable[[], Path]
    arguments: tuple[str, ...]
    file: str
    settings: str
    model: Callable[[], FakeModel] = FakeModel
    reach: Reach = "model"
    variables: Callable[[Path, str], Mapping[str, str]] = _nothing
    other_files: Callable[[str], Mapping[str, str]] = _nothing
    name: str = ""
    project: bool = False
    writes_its_file: bool = False
    adds: frozenset[str] = field(default_factory=frozenset)
    pinned: Callable[[], str] | None = None
    linux_only: bool = False

    @property
    def title(self) -> str:
        """Return what to call it."""
        return self.name or HOSTS[self.host].title

    @property
    def runs_here(self) -> bool:
        """Return whether it is to be had for this machine."""
        return not self.linux_only or (sys.platform == "linux" and platform.machine() == "x86_64")

    def set_up(self, home: Path, url: str, *, has_file: bool) -> None:
        """Write the files that it has before our server comes, with or without the one that we edit."""
        files = {**self.other_files(url), **({self.file: self.settings} if has_file else {})}
        for name, text in files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text, encoding="utf-8")

    def environment(self, home: Path, url: str) -> dict[str, str]:
        """Return the variables that it needs, and no others of ours."""
        return {"PATH": os.environ["PATH"], "HOME": str(home), "PWD": str(home), **OFFLINE, **self.variables(home, url)}

    def command(self) -> list[str]:
        """Return the command that makes it use the tool."""
        return [str(self.program()), *self.arguments]

    def version(self, environment: Mapping[str, str], home: Path) -> str:
        """Return the number of its version."""
        if self.pinned is not None:
            return self.pinned()
        command = [str(self.program()), "--version"]
        said = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=60).stdout
        return version_in(said)


def version_in(said: str) -> str:
    """Return the first number of a version in what a program says."""
    return next(word for word in said.split() if word[:1].isdigit()).rstrip(".,")
