"""Have a server over HTTP show all that it can of its calls, and search that for keys and tokens."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from typing import Any

import httpx2

from mcp_models.servers.streamable_http.token_file import TokenRecord, digest, encoded, new_token
from tests.fakes.endpoint import Reply
from tests.otlp import Collector
from tests.peer import SECONDS, call, request, wait_until
from tests.servers.streamable_http.serving import ACCEPT, era_headers
from tests.trust.canaries import canary
from tests.trust.scene import Scene

TOKEN = "a caller's token"
COLLECTOR_KEY = "the collector's key"
_AT = re.compile(rb"mcp-models: (?:metrics at )?(http://\S+)")


def search_what_is_shown(scene: Scene) -> None:
    """Make calls with keys in every field that is shown, and search metrics, spans and the access log."""
    token, collector_key = new_token(), canary("collector")
    scene.search.add(TOKEN, token)
    scene.search.add(COLLECTOR_KEY, collector_key)
    tokens = scene.home / "tokens.json"
    tokens.write_bytes(encoded({"alice": TokenRecord(digest(token), "2026-11-26")}))
    with Collector() as collector:
        traced = {
            "MCP_MODELS_LEDGER": "off",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={collector_key}",
        }
        words = ["serve", scene.fake.provider, "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--access-log"]
        command = [sys.executable, "-m", "mcp_models.client.commands", *words, "--tokens", str(tokens), "--drain", "2"]
        log = scene.home / "serve.log"
        with log.open("wb") as stderr:
            server = subprocess.Popen(command, env={**scene.environment, **traced}, stdout=stderr, stderr=stderr)
        try:
            wait_until(lambda: len(_AT.findall(log.read_bytes())) >= 2)
            metrics, url = sorted((found.decode() for found in _AT.findall(log.read_bytes())), key=lambda at: "/mcp" in at)
            _make_calls(scene, url, token)
            with urllib.request.urlopen(metrics, timeout=SECONDS) as page:
                shown = page.read()
        finally:
            server.terminate()
            server.wait(SECONDS)
        assert collector.spans(4)
        assert b'caller="alice"' in shown
        assert log.read_bytes().count(b'"caller":"alice"') >= 4
        scene.search.left("the metrics", shown)
        for body, headers in zip(collector.bodies, collector.headers, strict=True):
            scene.search.left("spans", body)
            scene.search.left("the collector's headers", headers, COLLECTOR_KEY)
        scene.search.left("the log of a server over HTTP", log.read_bytes())


def _make_calls(scene: Scene, url: str, token: str) -> None:
    key, model = scene.key, scene.fake.model
    trace: dict[str, Any] = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "tracestate": f"k={key}"}
    asked: tuple[tuple[Any, tuple[Reply, ...]], ...] = (
        (call(1, {"prompt": f"tell {key}", "model": model}, **trace), ()),
        (call(key, {"prompt": "x", "model": model}, modern=True), (scene.fake.error(401, f"Bad key {key}!"),)),
        (call(token, {"prompt": "x", "model": model}), (scene.fake.error(429, "Slow down."),)),
        (call(4, {"prompt": "x", "model": key}), (scene.fake.unknown_model(),)),
        (call(5, {"prompt": "x", "model": token}), (scene.fake.unknown_model(),)),
        (call(6, {"prompt": "x", key: 1}), ()),
        (request(7, key), ()),
    )
    with httpx2.Client(trust_env=False, verify=False, timeout=SECONDS) as client:
        for message, replies in asked:
            scene.fake.script(*replies)
            headers = {"accept": ACCEPT, "authorization": f"Bearer {token}", "tracestate": f"k={token}", **_era(message)}
            client.post(url, json=message, headers=headers)
        client.post(url, json=request(8, "ping"), headers={"authorization": f"Bearer {key}"})
    scene.fake.forget()  # what a caller says in a prompt or as a model's name goes to the provider


def _era(message: Any) -> dict[str, str]:
    return {name: value for name, value in era_headers(message).items() if value is not None}
