"""`mcp-models doctor`: each broken set-up of a provider is named with its cure, and no key is ever shown."""

from __future__ import annotations

import importlib
import json
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from mcp_models.client import key_store
from mcp_models.client.doctor import network, packages
from tests.client.commands.pseudo_terminal import run_in_terminal
from tests.client.commands.run import invoke
from tests.fakes.endpoint import json_reply
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI

KEY = "sk-canary-0123456789"


def findings(*words: str) -> list[dict[str, Any]]:
    done = invoke("doctor", *words, "--json")
    assert KEY not in done.output
    report = json.loads(done.stdout)
    assert report["ok"] is (done.exit_code == 0)
    assert report["ok"] is not any(finding["mark"] == "problem" for finding in report["findings"])
    found: list[dict[str, Any]] = report["findings"]
    return found


def problem(*words: str) -> tuple[str, str, str]:
    """Return the check, the words and the cure of the one problem that there is."""
    broken = [finding for finding in findings(*words) if finding["mark"] == "problem"]
    assert len(broken) == 1, broken
    assert broken[0]["cure"]
    return broken[0]["check"], broken[0]["said"], broken[0]["cure"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """A fake OpenAI with TLS, whose certificate nobody trusts."""
    fake = FakeOpenAI()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    port = fake.listen(context)
    with fake:
        monkeypatch.setenv("OPENAI_API_KEY", fake.key)
        monkeypatch.setenv("OPENAI_BASE_URL", f"https://127.0.0.1:{port}/v1")
        yield fake


def test_a_set_up_that_is_well(openai: FakeOpenAI) -> None:
    found = findings("openai")
    assert {finding["mark"] for finding in found} == {"ok"}
    assert [finding["check"] for finding in found] == ["key", "package", "address", "models", "server"]
    assert "OPENAI_API_KEY in the environment" in found[0]["said"]
    assert openai.key not in json.dumps(found)


def test_a_real_call_only_if_you_ask_for_it(openai: FakeOpenAI) -> None:
    findings("openai")
    assert not [request for request in openai.requests if request.method == "POST"]
    assert findings("openai", "--ask")[-1]["check"] == "answer"
    assert [request for request in openai.requests if request.method == "POST"]


def test_a_provider_that_needs_nothing() -> None:
    assert [finding["check"] for finding in findings("echo")] == ["server"]


def test_no_provider_at_all() -> None:
    check, said, cure = problem()
    assert (check, said) == ("key", "no provider is set up")
    assert "mcp-models keys set" in cure


def test_those_that_are_not_set_up_are_notes(openai: FakeOpenAI) -> None:
    notes = {finding["about"]: finding["cure"] for finding in findings() if finding["mark"] == "note"}
    assert "MISTRAL_API_KEY" in notes["mistral"]
    assert "openai" not in notes


def test_no_key(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert problem("openai") == ("key", "OPENAI_API_KEY is not set, and no key is stored", "mcp-models keys set openai")


def test_a_key_that_is_a_reference_which_nobody_has_expanded(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "${OPENAI_API_KEY}")
    check, said, cure = problem("openai")
    assert (check, cure) == ("key", "mcp-models keys set openai")
    assert "nobody has expanded" in said


def test_a_key_with_a_line_break(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n{KEY}")
    check, said, cure = problem("openai")
    assert (check, cure) == ("key", "mcp-models keys set openai")
    assert "line break" in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_key_file_that_others_can_read(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    invoke("keys", "set", "openai", stdin=KEY)
    os.chmod(key_store.key_file(), 0o644)
    check, said, cure = problem("openai")
    assert (check, cure) == ("key", f"run `chmod 600 {key_store.key_file()}`")
    assert "can be read by others" in said


def test_a_damaged_key_file(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    invoke("keys", "set", "openai", stdin=KEY)
    Path(key_store.key_file()).write_text("{")
    check, _, cure = problem("openai")
    assert check == "key"
    assert "remove the file and set the keys anew" in cure


def test_a_key_that_the_keychain_has_lost(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    import keyring
    from keyring.backends.null import Keyring

    monkeypatch.setattr(keyring, "get_keyring", Keyring)
    monkeypatch.setattr(keyring, "get_password", lambda *_: None)
    key_store.write({"openai": {"variable": "OPENAI_API_KEY", "keychain": True}})
    check, said, cure = problem("openai")
    assert check == "key"
    assert "keychain has no OPENAI_API_KEY" in said
    assert "mcp-models keys set" in cure


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MCP_MODELS_TIMEOUT", "soon"),
        ("MCP_MODELS_MAX_RETRIES", "soon"),
        ("MCP_MODELS_BUDGET", "five dollars"),
        ("MCP_MODELS_LEDGER", "mysql://x"),
        ("MCP_MODELS_FILES", "/no/such/folder"),
    ],
)
def test_a_setting_that_makes_no_sense(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    check, said, cure = problem("echo")
    assert (check, cure) == ("settings", "correct it or unset it")
    assert variable in said


def test_an_address_that_is_no_url(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "api.openai.com")
    check, said, cure = problem("openai")
    assert (check, cure) == ("address", "correct it or unset it")
    assert "OPENAI_BASE_URL" in said


def test_a_package_that_is_not_installed(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.setattr(packages, "version", lambda _: None)
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    monkeypatch.setattr(network, "reach", lambda _: "made up")
    assert problem("openai") == ("package", "the package openai is not installed", 'pip install "mcp-models[openai]"')


def test_a_package_that_is_damaged(ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "damaged_sdk.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("mcp_models.servers.ollama_mcp_server.Ollama.package", "damaged_sdk")
    monkeypatch.setenv("MODEL_DEFAULT", "thinker")
    check, said, cure = problem("ollama")
    assert (check, cure) == ("package", 'pip install "mcp-models[http]"')
    assert "ZeroDivisionError" in said


def test_a_package_that_is_too_old(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "openai-1.9.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: openai\nVersion: 1.9.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    check, said, cure = problem("openai")
    assert (check, cure) == ("package", 'pip install --upgrade "mcp-models[openai]"')
    assert "openai 1.9.0 is not a version" in said


@pytest.mark.parametrize(
    ("installed", "fits"),
    [("3.54", True), ("3.54.0", True), ("3.53.9", False), ("4.0", False), ("3.60rc1", True), ("x", False)],
)
def test_the_bounds_of_a_package(installed: str, fits: bool) -> None:
    assert packages.fits("openai", installed) is fits


def test_a_port_that_nothing_listens_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    monkeypatch.setenv("MISTRAL_BASE_URL", f"http://127.0.0.1:{free_port()}")
    check, said, cure = problem("mistral")
    assert (check, cure) == ("address", "check the address and the network")
    assert "nothing listens at 127.0.0.1" in said


def test_a_host_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    check, said, cure = problem("mistral")
    assert (check, said) == ("address", "there is no host api.mistral.ai")
    assert "DNS" in cure


def test_a_server_that_takes_connections_and_stays_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MISTRAL_BASE_URL", f"https://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(network.reach, "__defaults__", (0.3,))
        check, said, cure = problem("mistral")
    assert check == "address"
    assert "does not answer in TLS" in said
    assert "check the address" in cure


def test_a_certificate_that_is_not_trusted(secure: FakeOpenAI) -> None:
    check, said, cure = problem("openai")
    assert check == "address"
    assert "is not trusted" in said
    assert "SSL_CERT_FILE" in cure


def test_https_where_the_server_speaks_http(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{openai.url}/v1".replace("http://", "https://"))
    check, said, cure = problem("openai")
    assert check == "address"
    assert "does not speak TLS" in said
    assert "http://" in cure


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    check, said, _ = problem("mistral")
    assert check == "address"
    assert "nothing listens at the proxy 127.0.0.1" in said


def test_a_local_server_that_is_not_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"http://127.0.0.1:{free_port()}")
    check, _, cure = problem("ollama")
    assert check == "address"
    assert "ollama serve" in cure


def test_a_local_server_without_models(ollama: FakeOllama) -> None:
    ollama.script(json_reply({"models": []}))
    assert problem("ollama") == ("models", "the server has no models", "ollama pull llama3.2")


def test_a_default_model_that_is_not_pulled(ollama: FakeOllama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_DEFAULT", "gemma")
    check, said, cure = problem("ollama")
    assert check == "models"
    assert "the default model gemma is not there" in said
    assert "ollama pull gemma" in cure


def test_a_local_server_that_is_something_else(ollama: FakeOllama) -> None:
    ollama.script(json_reply({"error": "no"}, 500))
    assert problem("ollama")[0] == "models"


def test_a_key_that_the_provider_refuses(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    check, _, cure = problem("openai", "--ask")
    assert (check, cure) == ("models", "mcp-models keys set openai")


def test_an_account_without_credit(openai: FakeOpenAI) -> None:
    listed = openai.models(None)  # type: ignore[arg-type]
    openai.script(listed, openai.error(402, "You have no credit."))
    check, _, cure = problem("openai", "--ask")
    assert check == "answer"
    assert "credit" in cure


def test_a_server_that_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os, sys; sys.stderr.write('no luck'); os._exit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    check, said, cure = problem("echo")
    assert check == "server"
    assert "no luck" in said
    assert cure.startswith("pip install")


def test_a_switch_that_is_neither_on_nor_off(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CHATGPT_LOGIN_MODE", "perhaps")
    found = [finding for finding in findings("openai") if finding["mark"] == "problem"]
    assert {finding["cure"] for finding in found} == {"correct it or unset it"}
    assert all("OPENAI_CHATGPT_LOGIN_MODE" in finding["said"] for finding in found)


def test_no_such_provider() -> None:
    done = invoke("doctor", "nope")
    assert done.exit_code == 2
    assert "No provider 'nope'; there are anthropic" in done.stderr


def test_lines_with_tabs_in_a_pipe() -> None:
    mark, about, check, said = invoke("doctor", "echo").stdout.rstrip("\n").split("\t")
    assert (mark, about, check) == ("ok", "echo", "server")
    assert "complete, list_models" in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
@pytest.mark.parametrize("colours", [True, False])
def test_marks_in_a_terminal_and_no_colours_with_no_color(colours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("MCP_MODELS_TIMEOUT", "soon")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colours:
        monkeypatch.setenv("NO_COLOR", "1")
    code, text = run_in_terminal("doctor", "echo")
    assert code == 1
    assert "✓" in text
    assert "✗" in text
    assert "1 problem" in text
    assert ("\x1b[32m" in text or "\x1b[1;31m" in text) is colours
