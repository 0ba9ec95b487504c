"""Work out which environment a host gives to a server, from what is known about the host."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from mcp_models.client.hosts.host import Host

_ALWAYS = """
    HOME LOGNAME PATH SHELL USER LANG LC_ALL TERM TMPDIR TZ
    APPDATA COMSPEC HOMEDRIVE HOMEPATH LOCALAPPDATA PATHEXT SYSTEMDRIVE SYSTEMROOT TEMP TMP USERNAME USERPROFILE WINDIR
"""
"""What every host passes on: the list of Codex on POSIX, and what a program needs on Windows."""

_SECRET = re.compile("TOKEN|SECRET|PASSWORD|PASSWD|KEY|AUTH|CREDENTIAL|CREDS|PRIVATE|CERT", re.IGNORECASE)
"""Names that Gemini CLI withholds. Source: its `packages/core/src/services/environmentSanitization.ts`."""

_REFERENCE = re.compile(r"\$\{(?:env:)?(\w+)\}|\$(\w+)|\{env:(\w+)\}")


def environment_of(host: Host, fields: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a server's environment, if the host itself has the environment that this process has.

    Args:
        host: The host.
        fields: The server's entry in the host's file.
        environ: The host's own environment. None means that of this process.
    """
    environ = os.environ if environ is None else environ
    passed = {name: value for name, value in environ.items() if _passes(host, name, fields)}
    given = fields.get(host.env_field)
    for name, value in given.items() if isinstance(given, Mapping) else ():
        passed[str(name)] = _expanded(host, str(value), environ)
    return passed


def _passes(host: Host, name: str, fields: Mapping[str, Any]) -> bool:
    if name.upper() in _ALWAYS.split():
        return True
    if host.environment == "all" or host.withheld:
        return name not in host.withheld
    if host.environment == "not keys":
        return not _SECRET.search(name)
    listed = fields.get(host.pass_field) if host.pass_field else None
    return isinstance(listed, list) and name in listed


def _expanded(host: Host, value: str, environ: Mapping[str, str]) -> str:
    """Return a value of an entry. One that refers to a variable that the host does not have stays as it is."""
    found = _REFERENCE.fullmatch(value)
    name = next(filter(None, found.groups()), "") if found else ""
    return environ.get(name, value) if name not in host.withheld else value
