"""Define `Host`, which describes a program that starts MCP servers."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mcp_models.servers.core.user_folders import this_system, user_folders

if TYPE_CHECKING:
    from mcp_models.servers.core.user_folders import System

Format = Literal["json", "toml", "yaml"]

Evidence = Literal["ran", "source", "docs", "third party"]
"""How we know what a row says: from running the program, from its source, from its documentation, or from others."""

Environment = Literal["all", "listed", "not keys", "some", "unknown"]
"""How much of the host's environment a server gets: all; what its entry lists; all except keys, by name; some of it."""


@dataclass(frozen=True)
class Host:
    """A program that starts MCP servers, and the layout of its settings file.

    Paths are templates that refer to the folders of `user_folders`. They use `/` on every system.
    """

    name: str
    """The host's name on the command line, such as `claude-code`."""

    title: str
    """The name that the host calls itself, such as `Claude Code`."""

    paths: Mapping[System, tuple[str, ...]]
    """The user's file on each system. If there are several, the first one that exists counts, or else the first."""

    project_file: str | None
    """The project's file, relative to the project's folder. None if the host has none."""

    section: str
    """The key that holds the servers, by name."""

    evidence: Evidence
    source: str
    """Where the facts in this row come from: a URL, or what was run."""

    checked: str
    """The day on which they were checked, as YYYY-MM-DD."""

    environment: Environment
    environment_note: str
    """How much of the environment a server gets, in words for people."""

    reload: str
    """How to make the host read its file again, to follow "to see it:"."""

    format: Format = "json"
    home_variable: tuple[str, str] | None = None
    """A variable that moves the user's file, and the path below the folder it names. An empty path: it names the file."""

    copies: str | None = None
    """On Windows, a pattern for further files with the same content."""

    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Fields that every entry has."""

    name_field: str | None = None
    """The field that repeats the server's name."""

    command_field: str = "command"
    args_field: str | None = "args"
    """The field for the arguments. None if the command is a single array."""

    env_field: str = "env"
    pass_field: str | None = None
    """The field that lists the variables to pass on from the host's own environment."""

    key_reference: str | None = None
    """How to refer to the variable NAME of the host's environment, if the host would not pass keys on otherwise."""

    timeout_field: str | None = None
    """The field for the time that a call may take. None if there is none."""

    timeout_unit: Literal["s", "ms"] = "s"
    withheld: tuple[str, ...] = ()
    """Variables that the host does not pass on to servers, if it has a list of names."""

    link: str | None = None
    """A link that installs a server, with `{name}`, `{title}`, `{base64}`, `{json}`, `{named_json}` and `{timeout}`."""

    refuses: tuple[Literal["comments", "trailing commas", "a byte order mark"], ...] = ()
    """What makes the host reject its own file, although an editor may write it."""

    programs: tuple[str, ...] = ()
    """Commands that show that the host is installed."""

    def user_files(
        self, system: System | None = None, env: Mapping[str, str] | None = None, home: str | None = None
    ) -> list[str]:
        """Return the paths of the user's file and its copies.

        Args:
            system: The kind of system. None means this one.
            env: The environment. None means that of this process.
            home: The user's home folder. None means that of the current user.
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
