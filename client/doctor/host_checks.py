"""Check the servers of ours in the settings of a host: whether each starts there, gets its key and has time to answer."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_models.client import key_store
from mcp_models.client.doctor.finding import Finding, Mark
from mcp_models.client.doctor.host_environment import environment_of
from mcp_models.client.doctor.sentences import first_line
from mcp_models.client.errors import SessionError
from mcp_models.client.hosts import jsonc
from mcp_models.client.hosts.entry import MARGIN_SECONDS, is_ours
from mcp_models.client.hosts.host import Host
from mcp_models.client.hosts.jsonc import Unreadable
from mcp_models.client.hosts.settings_file import SettingsFile
from mcp_models.client.key_store import KeyStoreError
from mcp_models.client.reference import is_reference
from mcp_models.client.server_handle import ServerHandle
from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core import errors, settings
from mcp_models.servers.core.files.paths import allowed_folders
from mcp_models.servers.core.user_folders import APPLICATION, this_system, user_folders

START_SECONDS = 20.0
KEYRING_VARIABLE = "DBUS_SESSION_BUS_ADDRESS"

_SERVER = re.compile(r"([a-z_-]+)[_-]mcp[_-]server(\.py|\.exe)?$", re.IGNORECASE)

Check = Callable[["Entry"], Iterator[Finding]]


@dataclass(frozen=True)
class Entry:
    """One of our servers in a host's file."""

    host: Host
    name: str
    provider: str
    fields: Mapping[str, Any]
    env: Mapping[str, str]
    """The environment that the host gives to the server."""

    def finding(self, check: str, mark: Mark, said: str, cure: str = "") -> Finding:
        """Return a finding about this entry."""
        return Finding(self.host.name, f"{self.name}: {check}", mark, said, cure)

    @property
    def words(self) -> list[str]:
        """The command that the host runs."""
        return _words(self.host, self.fields)

    @property
    def serves(self) -> bool:
        """Whether it is `mcp-models serve`, which uses a stored key."""
        return is_ours(self.host, self.provider, self.fields)


def is_here(host: Host) -> bool:
    """Return whether a host seems to be installed: its file, a folder of its own, or its program is there."""
    home = user_folders()["home"]
    for path in host.user_files():
        folder = os.path.dirname(path)
        if os.path.lexists(path) or (folder != home and os.path.isdir(folder)):
            return True
    return any(shutil.which(program) for program in host.programs)


def check_host(host: Host, providers: list[str]) -> Iterator[Finding]:
    """Check a host's file, and our servers in it.

    Args:
        host: The host.
        providers: The providers to look at. Empty means all.
    """
    for path in host.user_files():
        try:
            file = SettingsFile(host, path)
            servers = file.servers()
        except (Unreadable, OSError) as error:
            said = f"{path}: {error.strerror if isinstance(error, OSError) else error}"
            yield Finding(host.name, "file", "problem", said, f"mend the file, or move it away and start {host.title} anew")
            continue
        entries = [(str(name), _provider_of(host, str(name), fields), fields) for name, fields in servers.items()]
        ours = [entry for entry in entries if entry[1] and (entry[1] in providers or not providers)]
        yield _of_file(host, file, [name for name, _, _ in ours], providers)
        for name, provider, fields in ours:
            yield from _check_entry(Entry(host, name, provider, fields, environment_of(host, fields)))


def _of_file(host: Host, file: SettingsFile, ours: list[str], providers: list[str]) -> Finding:
    refused = sorted(jsonc.features(file.text) & set(host.refuses)) if host.format == "json" else []
    if refused:
        said = f"{host.title} does not read a file with {' and '.join(refused)}, which {file.path} has"
        return Finding(host.name, "file", "problem", said, "remove them")
    if ours:
        return Finding(host.name, "file", "ok", f"{file.path} has {', '.join(ours)}")
    wanted = " ".join(["mcp-models install", host.name, *providers])
    return Finding(host.name, "file", "note", f"{file.path} has none of our servers", wanted)


def _provider_of(host: Host, name: str, fields: object) -> str:
    """Return the provider whose server an entry runs, or an empty string if the server is not ours."""
    if not isinstance(fields, Mapping):
        return ""
    words = _words(host, fields)
    if words and is_ours(host, words[-1], fields) and words[-1] in server_modules():
        return words[-1]
    for word in words:
        found = _SERVER.search(word.replace("\\", "/").replace(".", "/").removesuffix("/py").removesuffix("/exe"))
        provider = found[1].replace("-", "_") if found else ""
        if provider in server_modules():
            return provider
    return name if is_ours(host, name, fields) and name in server_modules() else ""


def _words(host: Host, fields: Mapping[str, Any]) -> list[str]:
    command, arguments = fields.get(host.command_field), fields.get(host.args_field) if host.args_field else []
    words = [*(command if isinstance(command, list) else [command]), *(arguments if isinstance(arguments, list) else [])]
    return [word for word in words if isinstance(word, str)]


def _check_entry(entry: Entry) -> Iterator[Finding]:
    for check in ENTRY_CHECKS:
        found = list(check(entry))
        yield from found
        if check in NEEDED and any(finding.mark == "problem" for finding in found):
            return


def _switched_on(entry: Entry) -> Iterator[Finding]:
    """Check that the entry is not switched off."""
    for field, off in (("enabled", False), ("disabled", True)):
        if entry.fields.get(field) is off:
            said = f"it is switched off ({field}: {str(off).lower()})"
            yield entry.finding("entry", "problem", said, f"set {field} to {str(not off).lower()} in {entry.host.title}'s file")


def _command(entry: Entry) -> Iterator[Finding]:
    """Check that the command is there and can be run."""
    cure = f"mcp-models install {entry.host.name} {entry.provider}"
    program = entry.words[0] if entry.words else ""
    if shutil.which(program, path=entry.env.get("PATH")) is None:
        yield entry.finding("command", "problem", f"there is no program {program or '(none is named)'}", cure)
    elif not entry.serves:
        said = "it does not run `mcp-models serve`, so it gets no stored key"
        yield entry.finding("command", "note", said, f"remove the entry {entry.name}, then {cure}")


def _no_key_inside(entry: Entry) -> Iterator[Finding]:
    """Check that the file has no key in it, as people copy and commit such files."""
    given = entry.fields.get(entry.host.env_field)
    for variable in load_provider(entry.provider, {}).key_variables:
        value = given.get(variable) if isinstance(given, Mapping) else None
        if isinstance(value, str) and value.strip() and not is_reference(value.strip()) and "{env:" not in value:
            cure = f"mcp-models keys set {entry.provider}, then remove {variable} from the file"
            yield entry.finding("key", "problem", f"{variable} is written in the file", cure)


def _time(entry: Entry) -> Iterator[Finding]:
    """Check that the host waits for at least as long as a call may take."""
    field = entry.host.timeout_field
    value = entry.fields.get(field) if field else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    factor = 1000 if entry.host.timeout_unit == "ms" else 1
    try:
        limit = settings.default_timeout(entry.env)
    except errors.ConfigurationError:
        return
    if value / factor < limit:
        said = f"the host gives up after {value / factor:g} s, but a call may take {limit:g} s: its answer would be lost"
        yield entry.finding("time-out", "problem", said, f"set {field} to {round(limit + MARGIN_SECONDS) * factor} in the file")


def _key(entry: Entry) -> Iterator[Finding]:
    """Check that the server gets a key in the environment that the host gives it."""
    cure = f"mcp-models keys set {entry.provider}"
    env = {name: value for name, value in entry.env.items() if not is_reference(value.strip())}
    variables = load_provider(entry.provider, {}).key_variables
    if any(env.get(variable, "").strip() for variable in variables):
        return
    try:
        record = key_store.records().get(entry.provider)
        problem = _stored_key_problem(entry, record) if record and entry.serves else None
        if problem:
            yield entry.finding("key", "problem", *problem)
            return
        # The key itself does not matter here, only that the server has one.
        stored = {record["variable"]: record.get("key", "stored")} if record and entry.serves else {}
        load_provider(entry.provider, {**env, **stored}).check()
    except KeyStoreError:
        return  # the provider's own checks report it
    except errors.MissingKeyError:
        in_shell = next((name for name in variables if os.environ.get(name, "").strip()), None)
        certain = in_shell is None or entry.host.environment not in ("some", "unknown") or bool(entry.host.withheld)
        said = f"{entry.host.title} does not pass your {in_shell} on" if in_shell else "the server gets no key"
        if not certain:
            said = said.replace("does not", "may not")
        yield entry.finding("key", "problem" if certain else "note", said, cure)
    except errors.ConfigurationError:
        return


def _stored_key_problem(entry: Entry, record: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why a stored key does not reach the server, and what to do about it."""
    title, keys_set = entry.host.title, f"mcp-models keys set {entry.provider}"
    if record.get("keychain"):
        if this_system() == "linux" and KEYRING_VARIABLE not in entry.env and KEYRING_VARIABLE in os.environ:
            return f"{title} keeps the server from the keychain, as it does not pass {KEYRING_VARIABLE} on", keys_set
        return None
    sought = os.path.join(user_folders(env=entry.env)["local"], APPLICATION, "keys.json")
    if sought == key_store.key_file():
        return None
    cure = f"mcp-models uninstall {entry.host.name} {entry.provider}; mcp-models install {entry.host.name} {entry.provider}"
    return f"the server looks for the stored key in {sought}, but it is in {key_store.key_file()}", cure


def _handshake(entry: Entry) -> Iterator[Finding]:
    """Start the server as the host does, with the environment that it gets there, and do the handshake."""
    cwd, started = entry.fields.get("cwd"), time.monotonic()
    folder = cwd if isinstance(cwd, str) else None
    cure = f"mcp-models install {entry.host.name} {entry.provider}"
    try:
        with ServerHandle(entry.words, env=dict(entry.env), cwd=folder, start_timeout=START_SECONDS):
            took = (time.monotonic() - started) * 1000
        yield entry.finding("handshake", "ok", f"done in {took:.0f} ms; the environment it gets: {entry.host.environment_note}")
    except SessionError as error:
        yield entry.finding("handshake", "problem", first_line(error), cure)


def _folders(entry: Entry) -> Iterator[Finding]:
    """Check that the folders whose files a call may attach are there."""
    try:
        folders = allowed_folders(entry.env)
    except errors.ConfigurationError as error:
        cure = f"mcp-models install {entry.host.name} {entry.provider} --files DIR"
        yield entry.finding("files", "problem", error.message.rstrip("."), cure)
    else:
        if folders:
            yield entry.finding("files", "ok", f"calls may attach files below {', '.join(folders)}")


ENTRY_CHECKS: tuple[Check, ...] = (_switched_on, _no_key_inside, _time, _folders, _command, _key, _handshake)
"""The checks of an entry, in the order in which they run."""

NEEDED: tuple[Check, ...] = (_command,)
"""If one of these finds a problem, the checks after it are left out."""
