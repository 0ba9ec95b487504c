"""`mcp-models serve PROVIDER… --http HOST:PORT`: what it refuses, who may ask, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mcp_models.client.commands import serve_http
from mcp_models.client.commands.serve_http import HTTPOptions
from mcp_models.servers.streamable_http.run import bound
from tests.client.commands.run import invoke
from tests.peer import call, wait_until
from tests.servers.streamable_http.serving import ACCEPT


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_a_sigterm_lets_calls_end_and_takes_no_more(tmp_path: Any) -> None:
    command = [sys.executable, "-m", "mcp_models.client.commands", "serve", "echo", "--http", "127.0.0.1:0", "--drain", "5"]
    environment = {**os.environ, "HOME": str(tmp_path), "MCP_MODELS_FILES": str(tmp_path)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr
        url = process.stderr.readline().removeprefix("mcp-models: ").strip()
        assert url.endswith("/echo/mcp"), url
        with httpx2.Client(trust_env=False, verify=False, timeout=20) as client:
            assert answers(client, url)  # as soon as the address is said
            headers = {"content-type": "application/json", "accept": ACCEPT}
            refused = client.post(url, json=call(1, {"prompt": "x", "files": ["a"]}), headers=headers)
            assert "files: unknown argument" in refused.text  # the callers are not those whose files are on this machine
            message = call(1, {"prompt": "one two", "model": "echo-slow-0.6"}, progressToken=1)
            with client.stream("POST", url, json=message, headers=headers) as response:
                lines = response.iter_lines()
                next(lines)
                process.send_signal(signal.SIGTERM)
                assert '"text":"one two"' in "".join(lines)
            wait_until(lambda: not answers(client, url))
        assert process.wait(10) in (0, -signal.SIGTERM)
        process.stderr.close()


def answers(client: httpx2.Client, url: str) -> bool:
    try:
        return client.get(url.replace("/echo/mcp", "/healthz"), headers={"connection": "close"}).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("echo", "--http", "8000"), "--http: expected HOST:PORT"),
        (("echo", "--http", ":0", "--metrics", "9100"), "--metrics: expected HOST:PORT"),
        (("echo", "--http", "0.0.0.0:0"), "make a token with `mcp-models tokens add NAME`, or name an OAuth issuer"),
        (("nope", "--http", ":0"), "No provider 'nope'"),
        (("echo", "openai"), "several providers need --http"),
        (("echo", "--http", ":0", "--jwks", "https://a.example"), "--jwks and --audience belong to --issuer"),
        (("echo", "--http", ":0", "--tls-cert", "a"), "--tls-cert and --tls-key belong together"),
        (("echo", "--http", ":0", "--tls-cert", "a", "--tls-key", "b"), "No such file"),
        (("echo", "--http", ":0", "--issuer", "http://a.example"), "plain text"),
        (("echo", "--http", ":0", "--url", "https://a.example/b"), "without a path"),
        (("echo", "--http", ":0", "--url", "https://a.example"), "is not this machine, so callers must prove who they are"),
        (("echo", "--http", "192.0.2.1:0", "--tokens", "t"), "plain text"),
        (("echo", "--http", "0.0.0.0:0", "--tokens", "t"), "say with --url"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_served(words: tuple[str, ...], said: str, home: Path) -> None:
    done = invoke("serve", *words)
    assert done.exit_code == 2
    assert said in done.output


def test_removing_the_last_token_does_not_let_everybody_in_at_the_next_start(home: Path) -> None:
    given = dict.fromkeys(HTTPOptions.__struct_fields__)
    options = HTTPOptions(**given)  # type: ignore[arg-type]
    assert serve_http._authenticators(options) == []
    invoke("tokens", "add", "alice")
    invoke("tokens", "remove", "alice")
    assert len(serve_http._authenticators(options)) == 1


def test_a_port_that_is_taken(home: Path) -> None:
    with bound("127.0.0.1", 0) as taken:
        taken.listen()
        done = invoke("serve", "echo", "--http", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.exit_code == 2
    assert "Address already in use" in done.output
