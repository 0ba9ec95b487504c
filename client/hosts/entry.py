"""Say what stands in a host's file for one of our servers, and know ours again."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mcp_models.client.hosts.host import Host

COMMANDS_MODULE = "mcp_models.client.commands"

MARGIN_SECONDS = 60
"""How much longer a host waits than a call may take: the server's own time-out shall be the one that answers."""


def server_command(provider: str) -> list[str]:
    """Return the command that starts a provider's server on this machine.

    It is absolute, as programs with a window have another PATH, and needs no shell. `-P` keeps a `json.py` in the folder that a
    host starts it in from standing in for the real one.
    """
    return [sys.executable, "-P", "-m", COMMANDS_MODULE, "serve", provider]


def entry(host: Host, provider: str, key_variables: Sequence[str], timeout: float, env: Mapping[str, str]) -> dict[str, Any]:
    """Return a server's entry in a host's file.

    Args:
        host: The host.
        provider: The provider's name.
        key_variables: The variables that may hold its key: those that the host can pass on are named, their values never.
        timeout: Seconds that a call may take.
        env: Further variables for the server; no keys.
    """
    command = server_command(provider)
    fields: dict[str, Any] = dict(host.fixed)
    if host.name_field:
        fields[host.name_field] = provider
    if host.args_field is None:
        fields[host.command_field] = command
    else:
        fields[host.command_field], fields[host.args_field] = command[0], command[1:]
    if host.pass_field and key_variables:
        fields[host.pass_field] = list(key_variables)
    if host.timeout_field:
        fields[host.timeout_field] = round(timeout + MARGIN_SECONDS) * (1000 if host.timeout_unit == "ms" else 1)
    references = {name: host.key_reference.replace("NAME", name) for name in key_variables} if host.key_reference else {}
    if env or references:
        fields[host.env_field] = {**references, **env}
    return fields


def is_ours(host: Host, provider: str, fields: object) -> bool:
    """Return whether an entry is one of ours: it has `mcp-models serve PROVIDER` run, whatever else a person changed in it."""
    if not isinstance(fields, Mapping):
        return False
    command, arguments = fields.get(host.command_field), fields.get(host.args_field, []) if host.args_field else []
    words = [*(command if isinstance(command, list) else [command]), *(arguments if isinstance(arguments, list) else [])]
    if not all(isinstance(word, str) for word in words) or words[-2:] != ["serve", provider]:
        return False
    program = os.path.basename(words[0].replace("\\", "/")).removesuffix(".exe")
    return COMMANDS_MODULE in words or program == "mcp-models"


def owned_fields(host: Host) -> list[str]:
    """Return the fields of an entry that another install may change in one that a person has edited."""
    return [host.command_field, *([host.args_field] if host.args_field else [])]


def link(host: Host, provider: str, title: str, fields: Mapping[str, Any]) -> str | None:
    """Return the link that has a host install an entry; None if it knows none."""
    if host.link is None:
        return None
    compact = json.dumps(fields, separators=(",", ":"))
    named = json.dumps({"name": provider, **fields}, separators=(",", ":"))
    return host.link.format(
        name=provider,
        title=quote(title, safe=""),
        base64=quote(base64.b64encode(compact.encode()).decode(), safe=""),
        json=quote(compact, safe=""),
        named_json=quote(named, safe=""),
        timeout=fields.get(host.timeout_field or "", ""),
    )
