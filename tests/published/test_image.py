"""The Dockerfile's own steps give servers that start. No image is built, which would take a daemon and a base image."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from mcp_models.servers.streamable_http.token_file import TokenRecord, digest, encoded, new_token
from tests.checkout import network_environment
from tests.peer import Peer, call, request
from tests.published import image
from tests.published.product import servers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SECONDS = 200


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Return each instruction of a Dockerfile with its arguments, as one line."""
    joined = re.sub(r"\\\n\s*", "", dockerfile)
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


@pytest.fixture(scope="module")
def steps(published: Path) -> list[tuple[str, str]]:
    return instructions((published / "docker" / "Dockerfile").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def installed(published: Path, steps: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in place of /opt/mcp-models, filled by the steps in the folder that they would run in."""
    folder = tmp_path_factory.mktemp("image")
    build, target = folder / "build", folder / "opt"
    build.mkdir()
    for arguments in (text for name, text in steps if name == "COPY" and "--from" not in text):
        for source in arguments.split()[:-1]:
            shutil.copy(published / "docker" / source, build)
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(os.path.realpath(sys.executable))
    environment = network_environment()
    environment["PATH"] = f"{python.parent}:{environment['PATH']}"
    for command in (text for name, text in steps if name == "RUN"):
        run = command.replace(image.FOLDER, str(target))
        done = subprocess.run(["sh", "-c", run], cwd=build, env=environment, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
    return target


def test_every_server_starts_as_the_entry_point_would(steps: list[tuple[str, str]], installed: Path, tmp_path: Path) -> None:
    found = dict(steps)
    path = found["ENV"].partition("=")[2].strip('"').replace(image.FOLDER, str(installed)).replace("$PATH", os.environ["PATH"])
    program, *arguments = json.loads(found["ENTRYPOINT"])
    environment = {"PATH": path, "HOME": "/"}
    for server in servers():
        command = [str(shutil.which(program, path=path)), *arguments, server.slug]
        assert command[0].startswith(str(installed))
        with Peer(*command, env=environment, cwd=tmp_path) as peer:
            assert peer.initialize()["result"]["serverInfo"]["name"] == f"{server.slug}-mcp-server"
            assert len(peer.ask(request(1, "tools/list"))["result"]["tools"]) == len(server.tools)
            peer.close_stdin()
            assert peer.exit_code() == 0


def test_it_serves_over_http_with_tokens_that_are_mounted(installed: Path, tmp_path: Path) -> None:
    token, mounted = new_token(), tmp_path / "tokens.json"
    mounted.write_bytes(encoded({"alice": TokenRecord(digest(token), "2026-11-26")}))
    environment = {"HOME": "/nowhere", "XDG_STATE_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [str(installed / "bin" / "mcp-models"), "serve", "echo", "--http", "127.0.0.1:0", "--tokens", str(mounted)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        url = process.stderr.readline().removeprefix("mcp-models: ").strip()
        try:
            answers = [_asked(url, token), _asked(url, "another")]
        finally:
            process.send_signal(signal.SIGTERM)
    assert [answer.status_code for answer in answers] == [200, 401]
    assert answers[0].json()["result"]["content"][0]["text"] == "Hello."
    assert process.returncode in (0, -signal.SIGTERM)


def _asked(url: str, token: str) -> httpx2.Response:
    headers = {"accept": "application/json, text/event-stream", "authorization": f"Bearer {token}"}
    return httpx2.post(url, json=call(1, {"prompt": "Hello."}), headers=headers, trust_env=False)


def test_it_has_every_sdk_and_nothing_of_the_tests(installed: Path) -> None:
    sdks = "anthropic, openai, mistralai.client, httpx2, genai_prices"
    code = f"import {sdks}; import importlib.util; print(importlib.util.find_spec('pytest'))"
    command = [str(installed / "bin" / "python"), "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout == "None\n", done.stderr
