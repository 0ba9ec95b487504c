"""Check the program codex and the ChatGPT login that OpenAI's server can use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from mcp_models.client.doctor.finding import Finding
from mcp_models.client.doctor.sentences import parts
from mcp_models.servers.core import errors, settings

PROVIDER = "openai"


def check_login(name: str, env: Mapping[str, str]) -> Iterator[Finding]:
    """Check codex's version and the state of the login. Nothing is checked if the login is not to be used."""
    if name != PROVIDER:
        return
    from mcp_models.servers.openai_mcp_server import MODE_VARIABLE

    try:
        if not settings.flag(env, MODE_VARIABLE):
            return
        yield Finding(name, "login", "ok", _login_state(env))
    except ImportError as error:
        said = f"the package {error.name} is not installed"
        yield Finding(name, "login", "problem", said, 'pip install "mcp-models[openai]"')
    except errors.ConfigurationError as error:
        yield Finding(name, "login", "problem", *parts(error.message))


def _login_state(env: Mapping[str, str]) -> str:
    """Prepare a completion with the login, as the server would, without asking OpenAI.

    Raises:
        ConfigurationError: codex or the login cannot be used.
    """
    from mcp_models.servers.codex import Codex, login, program

    path = program.find(env)
    program.check_version(path, env)
    found = login.find(env)
    codex = Codex(env)
    try:
        codex.prepare(found)
    finally:
        asyncio.run(codex.aclose())
    version = program.run(path, "--version", env=env).stdout.strip()
    return f"{version}, logged in with {found.path}"
