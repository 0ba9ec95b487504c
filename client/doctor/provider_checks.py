"""Check how a provider is set up: its key, its settings, its package, its address, its server, and what it answers."""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mcp_models.client import key_store
from mcp_models.client.doctor import network, packages
from mcp_models.client.doctor.codex_login import check_login
from mcp_models.client.doctor.finding import Finding, Mark
from mcp_models.client.doctor.sentences import first_line, parts
from mcp_models.client.errors import SessionError
from mcp_models.client.hosts.entry import server_command
from mcp_models.client.key_store import KeyStoreError
from mcp_models.client.mcp_model import MCPModel
from mcp_models.client.reference import is_reference
from mcp_models.client.server_handle import ServerHandle
from mcp_models.servers import load_provider
from mcp_models.servers.core import errors, settings
from mcp_models.servers.core.catalogue import ModelInfo, list_models
from mcp_models.servers.core.files.paths import allowed_folders
from mcp_models.servers.core.ledger.budget import parse_budget
from mcp_models.servers.core.ledger.target import ledger_target
from mcp_models.servers.core.provider import Provider

START_SECONDS = 20.0
ANSWER_SECONDS = 120.0
PROMPT = "Answer with the one word: ok"
SHOWN_MODELS = 5

Check = Callable[["ProviderCase"], Iterator[Finding]]


@dataclass(frozen=True)
class ProviderCase:
    """A provider to check, with the environment that its server would have."""

    provider: Provider
    key_place: str
    """Where the key is, in words. Empty if there is none."""

    key_error: str = ""
    """Why a stored key cannot be read."""

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.provider.name

    def finding(self, check: str, mark: Mark, said: str, cure: str = "") -> Finding:
        """Return a finding about this provider."""
        return Finding(self.name, check, mark, said, cure)


def provider_case(name: str, environ: Mapping[str, str] | None = None) -> ProviderCase:
    """Return a provider as `mcp-models serve` would run it: with its stored key, and without unexpanded references."""
    environ = os.environ if environ is None else environ
    env = {variable: value for variable, value in environ.items() if not is_reference(value.strip())}
    provider = load_provider(name, env)
    place = next((f"{key} in the environment" for key in provider.key_variables if env.get(key, "").strip()), "")
    if place:
        return ProviderCase(provider, place)
    try:
        record = key_store.records().get(name)
        stored = key_store.stored_environment(name)
    except KeyStoreError as error:
        return ProviderCase(provider, "", str(error))
    if record is None:
        return ProviderCase(provider, "")
    place = "the keychain" if record.get("keychain") else key_store.key_file()
    return ProviderCase(load_provider(name, {**env, **stored}), f"{record['variable']} in {place}")


def check_provider(case: ProviderCase, *, ask: bool) -> Iterator[Finding]:
    """Run all checks on a provider.

    Args:
        case: The provider.
        ask: Whether to make a real call, which may cost money.
    """
    broken = False
    for name, check in PROVIDER_CHECKS.items():
        if name == "answer" and (broken or not ask):
            continue
        for finding in check(case):
            broken = broken or finding.mark == "problem"
            yield finding


def _key(case: ProviderCase) -> Iterator[Finding]:
    """Check that there is a key, if one is needed, and that it can be one."""
    variables, cure = case.provider.key_variables, f"mcp-models keys set {case.name}"
    if not variables:
        return
    if case.key_error:
        yield case.finding("key", "problem", *parts(case.key_error))
    elif case.key_place:
        try:
            for variable in variables:
                if case.provider.env.get(variable, "").strip():
                    settings.key(case.provider.env, variable, cure)
            yield case.finding("key", "ok", case.key_place)
        except errors.ConfigurationError as error:
            yield case.finding("key", "problem", parts(error.message)[0], cure)
    else:
        yield from _missing_key(case)


def _missing_key(case: ProviderCase) -> Iterator[Finding]:
    variables = case.provider.key_variables
    try:
        case.provider.check()
        yield case.finding("key", "ok", "none is set, and none is needed")
    except errors.MissingKeyError:
        references = [name for name in variables if is_reference(os.environ.get(name, "").strip())]
        said = f"{variables[0]} is not set, and no key is stored"
        if references:
            said = f"{references[0]} holds a reference that nobody has expanded, and no key is stored"
        yield case.finding("key", "problem", said, f"mcp-models keys set {case.name}")
    except errors.ConfigurationError:  # the other checks report it
        return


def _settings(case: ProviderCase) -> Iterator[Finding]:
    """Check the settings that every server has."""
    for read in (settings.default_timeout, settings.max_retries, _budget, ledger_target, allowed_folders):
        try:
            read(case.provider.env)
        except errors.ConfigurationError as error:
            yield case.finding("settings", "problem", *parts(error.message))


def _budget(env: Mapping[str, str]) -> None:
    parse_budget(env.get(settings.BUDGET_VARIABLE, ""))


def _package(case: ProviderCase) -> Iterator[Finding]:
    """Check that the provider's SDK is installed, has a version that was tested, and can be imported."""
    package = case.provider.package
    if package is None:
        return
    cure = f'pip install "mcp-models[{case.provider.extra}]"'
    version = packages.version(package)
    try:
        importlib.import_module(package)
    except ImportError as error:
        said = f"{package} cannot be imported ({error})" if version else f"the package {package} is not installed"
        yield case.finding("package", "problem", said, cure)
    except Exception as error:  # whatever a damaged package raises
        yield case.finding("package", "problem", f"{package} fails to be imported ({type(error).__name__})", cure)
    else:
        if version and not packages.fits(package, version):
            said = f"{package} {version} is not a version that mcp-models works with"
            yield case.finding("package", "problem", said, f"{cure.replace('install', 'install --upgrade')}")
        else:
            yield case.finding("package", "ok", f"{package} {version or ''}".rstrip())


def _address(case: ProviderCase) -> Iterator[Finding]:
    """Check that something answers at the provider's address. If it is on this machine, look at its models, too."""
    provider = case.provider
    try:
        url = provider.address()
    except errors.ConfigurationError as error:
        yield case.finding("address", "problem", *parts(error.message))
        return
    if url is None:
        return
    try:
        yield case.finding("address", "ok", network.reach(url))
    except network.UnreachableError as error:
        can_start = settings.is_loopback(url) and provider.setup.startswith("start ")
        yield case.finding("address", "problem", str(error), provider.setup if can_start else error.cure)
    else:
        if settings.is_loopback(url):
            yield from _local_models(case)


def _local_models(case: ProviderCase) -> Iterator[Finding]:
    try:
        case.provider.check()
    except errors.ConfigurationError:  # the other checks report it
        return
    try:
        models = [model.id for model in asyncio.run(_listed(case.name, case.provider.env))]
    except errors.CompletionError as error:
        yield case.finding("models", "problem", error.message, _cure_of(case, error.type))
        return
    default = case.provider.resolve(None)[0]
    shown = ", ".join(models[:SHOWN_MODELS]) + (", …" if len(models) > SHOWN_MODELS else "")
    # Only a server whose models have to be pulled one by one says so in its `setup`. Others may ignore the name.
    pull = f"ollama pull {default}" if "ollama pull" in case.provider.setup else ""
    if not models:
        yield case.finding("models", "problem", "the server has no models", pull or case.provider.setup)
    elif default not in models and f"{default}:latest" not in models and pull:
        said = f"the default model {default} is not there, only {shown}"
        yield case.finding("models", "problem", said, f"{pull}, or set MODEL_DEFAULT to one that is there")
    else:
        yield case.finding("models", "ok", shown)


async def _listed(name: str, env: Mapping[str, str]) -> list[ModelInfo]:
    provider = load_provider(name, env)
    try:
        return await list_models(provider)
    finally:
        await provider.aclose()


def _login(case: ProviderCase) -> Iterator[Finding]:
    """Check the program codex and the ChatGPT login, if they are to be used."""
    yield from check_login(case.name, case.provider.env)


def _server(case: ProviderCase) -> Iterator[Finding]:
    """Check that the provider's server starts, does the handshake and has its tools."""
    started = time.monotonic()
    try:
        with ServerHandle(server_command(case.name), env=case.provider.env, start_timeout=START_SECONDS) as server:
            took = (time.monotonic() - started) * 1000
            tools = [str(tool.get("name")) for tool in server.list_tools(START_SECONDS)]
    except SessionError as error:
        yield case.finding("server", "problem", first_line(error), "pip install --force-reinstall mcp-models")
    else:
        yield case.finding("server", "ok", f"starts in {took:.0f} ms, with the tools {', '.join(tools)}")


def _answer(case: ProviderCase) -> Iterator[Finding]:
    """Make a real call."""
    try:
        with MCPModel(case.name, None, case.name, env=_keys_of(case)) as model:
            result = model.call(PROMPT, timeout=ANSWER_SECONDS)
    except SessionError as error:
        yield case.finding("answer", "problem", first_line(error), "pip install --force-reinstall mcp-models")
        return
    if result["output"] is None:
        yield case.finding("answer", "problem", str(result["error"]), _cure_of(case, str(result["error_type"])))
    else:
        yield case.finding("answer", "ok", f"{result['model']} answered")


def _keys_of(case: ProviderCase) -> dict[str, str]:
    env = case.provider.env
    return {name: env[name] for name in case.provider.key_variables if env.get(name, "").strip()}


def _cure_of(case: ProviderCase, kind: str) -> str:
    """Return what to do about a failed call, by the type of its error."""
    if kind in ("authentication", "permission") and case.provider.key_variables:
        return f"mcp-models keys set {case.name}"
    cures = {
        "billing": "add credit to the account, or change its plan",
        "rate_limit": "wait, and run this again",
        "overloaded": "wait, and run this again",
        "model_not_found": f"mcp-models models {case.name} lists the models; set MODEL_DEFAULT to one of them",
        "connection": case.provider.setup or "check the network",
    }
    return cures.get(kind, "docs/errors.md says what each type of error means")


PROVIDER_CHECKS: dict[str, Check] = {
    "key": _key,
    "settings": _settings,
    "package": _package,
    "address": _address,
    "login": _login,
    "server": _server,
    "answer": _answer,
}
"""The checks of a provider, in the order in which they run."""
