"""Make the entry for one of our servers in a host's file, and recognise entries that are ours."""

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
"""How many seconds longer than a call a host should wait, so that the server's own time-out comes first and answers."""


def server_command(provider: str) -> list[str]:
    """Return the command that starts a provider's server on this machine.

    It has an absolute path, as desktop programs have a different PATH, and needs no shell. `-P` stops Python from importing a
    `json.py` that happens to be in the folder where the host starts it.
    """
    return [sys.executable, "-P", "-m", COMMANDS_MODULE, "serve", provider]


def entry(host: Host, provider: str, key_variables: Sequence[str], timeout: float, env: Mapping[str, str]) -> dict[str, Any]:
    """Return a server's entry in a host's file.

    Args:
        host: The host.
        provider: The provider's name.
        key_variables: The variables that may hold the provider's key. The entry names them if the host can pass them on, but
            never contains their values.
        timeout: How many seconds a call may take.
        env: Further variables for the server. They must not be keys.
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
    """Return whether an entry is ours: it runs `mcp-models serve PROVIDER`, whatever else a person has changed in it."""
    if not isinstance(fields, Mapping):
        return False
    command, arguments = fields.get(host.command_field), fields.get(host.args_field, []) if host.args_field else []
    words = [*(command if isinstance(command, list) else [command]), *(arguments if isinstance(arguments, list) else [])]
    if not all(isinstance(word, str) for word in words) or words[-2:] != ["serve", provider]:
        return False
    program = os.path.basename(words[0].replace("\\", "/")).removesuffix(".exe")
    return COMMANDS_MODULE in words or program == "mcp-models"


def owned_fields(host: Host) -> list[str]:
    """Return the fields of an existing entry that a new install updates."""
    return [host.command_field, *([host.args_field] if host.args_field else [])]


def link(host: Host, provider: str, title: str, fields: Mapping[str, Any]) -> str | None:
    """Return the link that makes a host install an entry. None if the host has no such links."""
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
