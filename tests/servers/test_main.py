"""A server is started by its name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mcp_models.servers import __main__ as servers_main
from mcp_models.servers import server_modules


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["nobody"], 2), (["--help"], 0)])
def test_the_command_names_its_servers(arguments: list[str], code: int) -> None:
    command = [sys.executable, "-m", "mcp_models.servers", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, input="", timeout=60)
    assert done.returncode == code
    assert "groq" in done.stderr


def test_a_program_of_each_name_is_in_the_module() -> None:
    assert all(callable(getattr(servers_main, provider)) for provider in server_modules())
    with pytest.raises(AttributeError, match="nobody"):
        _ = servers_main.nobody


def test_a_presets_server_imports_nothing_heavy_before_the_handshake() -> None:
    code = "import sys; from mcp_models.servers import __main__, load_provider; load_provider('groq'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"openai", "httpx2", "msgspec", "asyncio", "typing", "inspect", "pydantic", "jsonschema_rs"}
    assert not {name.split(".")[0] for name in loaded} & heavy
