"""Define `Host`: what there is to know about a program that starts MCP servers."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mcp_models.client.user_folders import this_system, user_folders

if TYPE_CHECKING:
    from mcp_models.client.user_folders import System

Format = Literal["json", "toml", "yaml"]

Evidence = Literal["ran", "source", "docs", "third party"]
"""How a row is known: tried with the real program, read in its source, in its documentation, or somebody else's word."""

Environment = Literal["all", "listed", "not keys", "some", "unknown"]
"""What a server gets of the host's environment: all of it; what its entry lists; all but names that look like keys; a part."""


@dataclass(frozen=True)
class Host:
    """A program that starts MCP servers, and how its settings file says so.

    Paths are templates over the folders of `user_folders`, with `/` on every system.
    """

    name: str
    """What the command line calls it: `claude-code`."""

    title: str
    """What it calls itself: `Claude Code`."""

    paths: Mapping[System, tuple[str, ...]]
    """The user's file on each system; of several the first that exists, else the first."""

    project_file: str | None
    """The project's file, from the project's folder; None if there is none."""

    section: str
    """The key under which the servers stand, each by its name."""

    evidence: Evidence
    source: str
    """Where the row is from: a URL, or what was run."""

    checked: str
    """The day on which it was, as YYYY-MM-DD."""

    environment: Environment
    environment_note: str
    """What a server gets of the environment, for people."""

    reload: str
    """What makes it read its file again, as the end of "…to see it"."""

    format: Format = "json"
    home_variable: tuple[str, str] | None = None
    """The variable that moves the user's file, and the path below the folder that it names (empty: it names the file)."""

    copies: str | None = None
    """A pattern for further files of the same content, on Windows."""

    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Fields that every entry of it has."""

    name_field: str | None = None
    """The field that repeats the server's name."""

    command_field: str = "command"
    args_field: str | None = "args"
    """The field with the arguments; None if the command is one array."""

    env_field: str = "env"
    pass_field: str | None = None
    """The field that lists variables to pass on from the host's own environment."""

    key_reference: str | None = None
    """How a value refers to the variable NAME of the host's environment, where the host keeps keys back otherwise."""

    timeout_field: str | None = None
    """The field with the time that a call may take; None if the entry has none."""

    timeout_unit: Literal["s", "ms"] = "s"
    withheld: tuple[str, ...] = ()
    """Variables that the host keeps from servers, where it is a list of names."""

    link: str | None = None
    """The link that installs a server, with `{name}`, `{title}`, `{base64}`, `{json}`, `{named_json}`, `{timeout}`."""

    refuses: tuple[Literal["comments", "trailing commas", "a byte order mark"], ...] = ()
    """What makes it reject its own file, though an editor may have put it there."""

    programs: tuple[str, ...] = ()
    """Commands by which one sees that it is installed."""

    def user_files(
        self, system: System | None = None, env: Mapping[str, str] | None = None, home: str | None = None
    ) -> list[str]:
        """Return the paths of the user's file and of its copies.

        Args:
            system: The kind of system; None means this one.
            env: The environment; None means this process's.
            home: The user's home; None means this user's.
        """
        system, env = system or this_system(), os.environ if env is None else env
        folders = user_folders(system, env, home)
        moved = env.get(self.home_variable[0], "").strip() if self.home_variable else ""
        if self.home_variable and moved:
            return [os.path.join(moved, *filter(None, self.home_variable[1].split("/")))]
        paths = [_below(template, folders) for template in self.paths[system]]
        main = next((path for path in paths if os.path.exists(path)), paths[0])
        copies = _below(self.copies, folders) if self.copies and system == "windows" else None
        return [main, *(sorted(glob.glob(copies)) if copies else [])]


def _below(template: str, folders: Mapping[str, str]) -> str:
    first, *rest = template.split("/")
    return os.path.join(first.format(**folders), *rest)
