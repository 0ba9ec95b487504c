"""Create a private CODEX_HOME for a server process. It holds a link to the login, our settings and an empty work folder.

It hides the user's own home from codex: its AGENTS.md, config.toml, plugins and MCP servers.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import time
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from mcp_models.servers.core import errors

if TYPE_CHECKING:
    from mcp_models.servers.codex.login import Login
    from mcp_models.servers.core.settings import Environment

CONFIG_VARIABLE = "OPENAI_CODEX_CONFIG"
PREFIX = "mcp-models-codex-"
YOUNG_SECONDS = 60.0

# The variables that codex needs. Keys are not among them: codex prefers CODEX_API_KEY to a login, and would silently bill it.
PASSED_ON = frozenset(
    [
        "PATH",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "TMPDIR",
        "TEMP",
        "TMP",
        "SYSTEMROOT",
        "WINDIR",
        "COMSPEC",
        "PATHEXT",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "CODEX_CA_CERTIFICATE",
        "CODEX_REFRESH_TOKEN_URL_OVERRIDE",
    ]
)

SETTINGS = {
    "cli_auth_credentials_store": '"file"',
    "web_search": '"disabled"',
    "project_doc_max_bytes": "0",
    "project_root_markers": "[]",
    "analytics.enabled": "false",
    "check_for_update_on_startup": "false",
    "history.persistence": '"none"',
    "include_permissions_instructions": "false",
    "include_environment_context": "false",
    "include_apps_instructions": "false",
    "include_collaboration_mode_instructions": "false",
    "skills.include_instructions": "false",
    "skills.bundled.enabled": "false",
    "agents.enabled": "false",
    "tools.experimental_request_user_input.enabled": "false",
    # Otherwise codex would wait for ever if there is no network.
    "features.unbounded_connection_retries": "false",
    "features.shell_tool": "false",
    "features.unified_exec": "false",
    "features.shell_snapshot": "false",
    "features.apps": "false",
    "features.plugins": "false",
    "features.remote_plugin": "false",
    "features.goals": "false",
    "features.image_generation": "false",
    "features.view_image": "false",
}


class CodexHome:
    """A private CODEX_HOME. `close` removes it. If a server is killed, the next one removes what it left behind.

    Args:
        env: The server's environment.
    """

    def __init__(self, env: Environment) -> None:
        _sweep()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._in_use = FileLock(_in_use(self.path), thread_local=False)
        self._in_use.acquire(blocking=False)
        self.work = self.path / "work"
        self.work.mkdir()
        self._env = env

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment for a codex process."""
        passed = {name: value for name, value in self._env.items() if name.upper() in PASSED_ON}
        return {**passed, "HOME": str(self.path), "USERPROFILE": str(self.path), "CODEX_HOME": str(self.path)}

    def link(self, login: Login) -> None:
        """Link a login into this home. When codex renews the login, it writes through the link."""
        link = self.path / "auth.json"
        link.unlink(missing_ok=True)
        link.symlink_to(login.path)

    def configure(self, models: list[dict[str, Any]]) -> None:
        """Write the settings to a file and not to the command line, as those of a gateway may be secret.

        Raises:
            ConfigurationError: OPENAI_CODEX_CONFIG has a line that cannot be a setting.
        """
        catalogue = self.path / "catalog.json"
        catalogue.write_text(json.dumps({"models": models}), encoding="utf-8")
        chosen = settings(self._env.get(CONFIG_VARIABLE, ""))
        lines = {"model_catalog_json": _quoted(str(catalogue)), **SETTINGS, **chosen}
        text = "".join(f"{key} = {value}\n" for key, value in lines.items())
        (self.path / "config.toml").write_text(text, encoding="utf-8")

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._in_use.release()


def settings(text: str) -> dict[str, str]:
    """Parse OPENAI_CODEX_CONFIG: one `key=value` per line. As with codex's own `-c`, a value is TOML or plain text.

    Raises:
        ConfigurationError: A line is not a setting, or is one that would delete the login.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not key or key.startswith("#"):
            continue
        if not equals or not value:  # do not show the line, as it may contain a secret
            raise errors.ConfigurationError(f"{CONFIG_VARIABLE}, line {number}: expected key=value.")
        if "forced_" in key:  # forced_login_method deletes the login, forced_chatgpt_workspace_id hides it
            raise errors.ConfigurationError(f"{CONFIG_VARIABLE}: codex would give up the login for {key}; remove the line.")
        found[key] = value if _is_toml(value) else _quoted(value)
    return found


def _is_toml(value: str) -> bool:
    try:
        return bool(tomllib.loads(f"value = {value}"))
    except tomllib.TOMLDecodeError:
        return False


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a TOML string


def _sweep() -> None:
    """Remove homes that killed servers left behind."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(Timeout, OSError):
            if _may_be_abandoned(path):
                lock = FileLock(_in_use(path), thread_local=False)
                lock.acquire(blocking=False)
                shutil.rmtree(path, ignore_errors=True)
                lock.release()


def _may_be_abandoned(path: Path) -> bool:
    """Return whether a path is a folder of this user that is not just being created."""
    found = path.lstat()
    is_ours = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return is_ours and stat.S_ISDIR(found.st_mode) and time.time() - found.st_mtime > YOUNG_SECONDS


def _in_use(path: Path) -> Path:
    return path / ".in-use"
