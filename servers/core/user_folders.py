"""Find the user's folders on Linux, macOS and Windows.

They are the same as those of platformdirs, which a test checks. We do not use platformdirs itself, as its import takes 33 ms of
a server's start.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypeAlias

    System: TypeAlias = Literal["linux", "macos", "windows"]

APPLICATION = "mcp-models"


def this_system() -> System:
    """Return the kind of system that this is. Every other Unix counts as Linux."""
    return "windows" if sys.platform == "win32" else "macos" if sys.platform == "darwin" else "linux"


def user_folders(system: System | None = None, env: Mapping[str, str] | None = None, home: str | None = None) -> dict[str, str]:
    """Return the folders in which programs keep their settings.

    Args:
        system: The kind of system. None means this one.
        env: The environment. None means that of this process.
        home: The user's home folder. None means that of the current user.

    Returns:
        `home`; `config`, the system's usual place for settings; `xdg`, for programs that follow the XDG Base Directory
        Specification on every system; `local`, for settings that stay on this machine; and `state`.
    """
    system, env = system or this_system(), os.environ if env is None else env
    home = home or os.path.expanduser("~")

    def folder(variable: str, *default: str) -> str:
        return env.get(variable, "").strip() or os.path.join(home, *default)

    xdg = folder("XDG_CONFIG_HOME", ".config")
    if system == "windows":
        local = folder("LOCALAPPDATA", "AppData", "Local")
        return {"home": home, "config": folder("APPDATA", "AppData", "Roaming"), "xdg": xdg, "local": local, "state": local}
    if system == "macos":
        support = os.path.join(home, "Library", "Application Support")
        return {"home": home, "config": support, "xdg": xdg, "local": support, "state": support}
    return {"home": home, "config": xdg, "xdg": xdg, "local": xdg, "state": folder("XDG_STATE_HOME", ".local", "state")}


def settings_folder() -> str:
    """Return the folder of this project's own settings, which may not exist yet."""
    return os.path.join(user_folders()["local"], APPLICATION)


def state_folder() -> str:
    """Return the folder in which this project keeps its state, which may not exist yet."""
    return os.path.join(user_folders()["state"], APPLICATION)
