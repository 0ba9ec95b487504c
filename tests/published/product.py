"""Describe what is published: the project, its servers, and the settings of each."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass, replace
from typing import Any, Literal

from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core import __version__, errors, settings
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.tools import tools
from tests.checkout import ROOT
from tests.documents import variables

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME: str = PROJECT["name"]
VERSION = __version__
LICENSE: str = PROJECT["license"]
REPOSITORY: str = PROJECT["urls"]["Homepage"]
PAGES: str = PROJECT["urls"]["Documentation"]
ISSUES: str = PROJECT["urls"]["Issues"]
AUTHOR = {"name": NAME, "url": REPOSITORY}

LOGIN = {"openai": "It answers with an API key, or with a ChatGPT login through the program codex."}
"""Providers that can do without their key, if the program is there, each with how."""

_WRITTEN_SO = {"api": "API", "ca": "CA", "chatgpt": "ChatGPT", "http": "HTTP", "mcp": "MCP", "url": "URL"}


@dataclass(frozen=True)
class Setting:
    """A setting of a server.

    Attributes:
        variable: The environment variable that holds it.
        title: Its name for people, such as `API key`.
        description: What it is for, with its default, in plain text.
        kind: What a form's field for it takes.
        default: What holds if it is not set, if that is a value that can be set.
        secret: Whether it is a key.
        required: Whether the server answers nothing without it.
        another_name: Whether it is only another name for the same key.
    """

    variable: str
    title: str
    description: str
    kind: Literal["string", "number", "boolean"]
    default: str
    secret: bool = False
    required: bool = False
    another_name: bool = False


@dataclass(frozen=True)
class Server:
    """A server.

    Attributes:
        provider: The provider's name in the code, such as `google_ai_studio`.
        title: Its name for people.
        summary: One sentence about its models.
        login: How it does without its key; empty if it does not.
        extra: The extra of the distribution that it needs; empty if it needs none.
        own: The settings that only this provider has, the key first.
        local: The address of the server on this machine that it talks to; empty if it talks to another machine.
    """

    provider: str
    title: str
    summary: str
    login: str
    extra: str
    own: tuple[Setting, ...]
    local: str

    @property
    def slug(self) -> str:
        """Its name where it is the project's: in our own marketplaces and in our namespace of the MCP Registry."""
        return self.provider.replace("_", "-")

    @property
    def name(self) -> str:
        """Its name where it stands beside those of other projects."""
        return f"{NAME}-{self.slug}"

    @property
    def description(self) -> str:
        """What it does, in a few sentences."""
        return " ".join(filter(None, [f"Ask {self.title} from an MCP host.", self.summary, self.login]))

    @property
    def requirement(self) -> str:
        """The distribution that it is in, with this version."""
        return f"{NAME}[{self.extra}]=={VERSION}" if self.extra else f"{NAME}=={VERSION}"

    @property
    def settings(self) -> tuple[Setting, ...]:
        """All its settings, the provider's own first."""
        return (*self.own, *general_settings())

    @property
    def asked_for(self) -> tuple[Setting, ...]:
        """The settings that a person is asked for, where it would be odd to ask for one key by two names."""
        return tuple(one for one in self.settings if not one.another_name)

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools that it lists."""
        return tools(load_provider(self.provider, {}))

    def command(self) -> list[str]:
        """Return the command that runs it on a machine that has uv. A stored key is found, as with `install`."""
        return ["uvx", "--from", self.requirement, NAME, "serve", self.slug]


@functools.cache
def servers() -> tuple[Server, ...]:
    """Return all servers."""
    return tuple(map(_server, server_modules()))


@functools.cache
def general_settings() -> tuple[Setting, ...]:
    """Return the settings that every server has."""
    return tuple(_setting(variable) for variable in variables.TABLES[variables.GENERAL])


def plain(markdown: str) -> str:
    """Return a text without code marks. A link to one of our pages becomes its address."""
    return re.sub(r"\[[^]]*\]\(([^):]*)\)", rf"{PAGES}/\1", markdown).replace("`", "")


def _server(name: str) -> Server:
    provider = load_provider(name, {})
    address = provider.address() or ""
    return Server(
        provider=name,
        title=provider.title,
        summary=plain(provider.summary),
        login=LOGIN.get(name, ""),
        extra=provider.extra,
        own=_own_settings(provider, name not in LOGIN and _needs_key(name)),
        local=address if address and settings.is_loopback(address) else "",
    )


def _own_settings(provider: Provider, required: bool) -> tuple[Setting, ...]:
    """Return the settings that only this provider has, the key first, with the page where one gets it."""
    keys, page = provider.key_variables, re.search(r"\((https://[^)]+)\)", provider.setup)
    found = [_setting(variable, keys, required) for variable in variables.of_provider(provider.name)]
    if page:
        found = [
            replace(one, description=f"{one.description} Get one at {page[1]}.") if one.secret and not one.another_name else one
            for one in found
        ]
    return tuple(sorted(found, key=lambda one: keys.index(one.variable) if one.secret else len(keys)))


def _needs_key(name: str) -> bool:
    try:
        load_provider(name, {}).check()
    except errors.MissingKeyError:
        return True
    return False


def _setting(variable: variables.Variable, keys: tuple[str, ...] = (), required: bool = False) -> Setting:
    what, text, default = variable.what, plain(variable.what), plain(variable.default)
    sentence = text if what.startswith("`") else f"{text[:1].upper()}{text[1:]}"  # a value stays as it has to be written
    return Setting(
        variable=variable.name,
        title=_title(variable.name, secret=variable.name in keys),
        description=f"{sentence}.{f' Default: {default}.' if default else ''}",
        kind="boolean" if default in ("true", "false") else "number" if default.isdigit() else "string",
        default=default if " " not in default else "",
        secret=variable.name in keys,
        required=required and variable.name in keys[:1],
        another_name=variable.name in keys[1:],
    )


def _title(variable: str, *, secret: bool) -> str:
    """Return a variable's name in words, without the provider: `Wire API` for OPENAI_WIRE_API."""
    words = variable.removeprefix("MCP_MODELS_").lower().split("_")
    if secret:
        return f"API key ({variable})"
    words = words[1:] if len(words) > 2 or words[-1] in ("host", "model", "endpoint") else words
    text = " ".join(_WRITTEN_SO.get(word, word) for word in words)
    return text[:1].upper() + text[1:]
