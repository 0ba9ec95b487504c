"""List every situation in which a key could leave a process. A new command, file or transport joins with a row."""

from __future__ import annotations

import functools
import json
import os
import pickle
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_models.client import Fallback, MCPModel, Panel
from mcp_models.client.hosts.table import HOSTS
from tests.client.commands.run import invoke, run
from tests.fakes.endpoint import Reply, json_reply
from tests.peer import request
from tests.trust.canaries import canary
from tests.trust.scene import Scene
from tests.trust.shown import search_what_is_shown

STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 529)

MALFORMED = (
    b'{"jsonrpc": "2.0", "id": 1, "method": "%s"}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "%s"}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "complete", "arguments": {"%s": 1}}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "complete", "arguments": {"model": ["%s"]}}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "complete", "arguments": {"max_tokens": "%s"}}}',
    b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": ["%s"]}}',
    b'{"id": 1, "jsonrpc": "2.0", "method": "ping", "params": {"_meta": {"io.modelcontextprotocol/protocolVersion": "%s"}}}',
    b"%s",
    b'{"%s',
)
"""Lines that a server refuses, with the place of a key."""

# What a server that runs something else than MCP may print: all that it knows.
_TELLS_ALL = "import os, sys; print(dict(os.environ)); print(dict(os.environ), file=sys.stderr); sys.exit(3)"


@dataclass(frozen=True)
class Row:
    """A situation, and how to bring it about.

    Attributes:
        name: The situation.
        act: Brings it about, and searches what does not leave through the server or its requests.
        slow: Whether it starts many processes.
    """

    name: str
    act: Callable[[Scene], object]
    slow: bool = False


def _answered(scene: Scene) -> None:
    """Get an answer: if there were none, the search would find nothing because nothing works."""
    result = scene.ask(prompt="x")["result"]
    assert not result["isError"], result["content"]
    assert scene.fake.requests


def _body(status: int) -> Callable[[Scene], object]:
    return lambda scene: scene.ask(scene.fake.error(status, f"Bad key {scene.key}!"), prompt="x")


def _raw(make: Callable[[Scene], Reply]) -> Callable[[Scene], object]:
    return lambda scene: scene.ask(make(scene), prompt="x")


def _headers(scene: Scene) -> None:
    for name in ("x-request-id", "request-id", "retry-after", "location", "content-type", "server", "openai-processing-ms"):
        reply = scene.fake.error(429, "Slow down.")
        reply.headers[name] = scene.key
        scene.ask(reply, prompt="x")
        answer = scene.fake.text(None, "Hello")
        answer.headers[name] = scene.key
        scene.ask(answer, prompt="x")


def _split(scene: Scene) -> None:
    """Let the model say the key in pieces, with every place of a cut, and say the keys of the others as well."""
    for cut in range(1, len(scene.key)):
        scene.ask(scene.fake.text(None, "It is ", scene.key[:cut], scene.key[cut:], " indeed."), prompt="x")
    scene.ask(scene.fake.text(None, *scene.key), prompt="x")
    scene.ask(scene.fake.text(None, *scene.search.keys.values()), prompt="x")


def _said(scene: Scene) -> None:
    """Let every other field of an answer hold the key."""
    scene.ask(scene.fake.text(None, "Hello", stop=scene.key), prompt="x")
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    scene.ask(scene.fake.text(None, json.dumps({"a": scene.key, scene.key: 1})), prompt="x", response_schema=schema)
    if thinking := getattr(scene.fake, "thinking_then", None):
        scene.ask(thinking(scene.key), prompt="x")
    scene.ask(Reply(404, json.dumps({"error": {"message": f"model '{scene.key}' not found"}}).encode()), prompt="x")


def _prompt(scene: Scene) -> None:
    """Put the key into the arguments: it is the caller's own, and still has no place in a log."""
    before = len(scene.server.stderr)
    scene.ask(scene.fake.error(500, "no"), prompt="tell me", system="be brief")
    scene.search.left("the log of a call", scene.server.stderr[before:])


def _models(scene: Scene) -> None:
    for reply in (scene.fake.error(401, f"Bad key {scene.key}"), Reply(200, scene.key.encode()), None):
        scene.fake.script(*([reply] if reply else []))
        scene.response(request(1, "tools/call", {"name": "list_models", "arguments": {}}))


def _redirected(scene: Scene) -> None:
    for status in (301, 302, 303, 307, 308):
        for place in (
            scene.stranger.url,
            f"{scene.stranger.url}/?k={scene.key}",
            "/elsewhere",
            f"http://{scene.key}@127.0.0.1:1/",
        ):
            scene.ask(Reply(status, b"moved", headers={"location": place}), prompt="x")


def _malformed(scene: Scene) -> None:
    for line in MALFORMED:
        scene.server.ask(line % scene.key.encode())


def _direct(scene: Scene) -> None:
    with scene.direct(scene.fake.model) as model:
        scene.result_of("a direct call", lambda: model.call("x"))
        scene.fake.script(scene.fake.error(401, f"Bad key {scene.key}"), scene.fake.error(500, f"{scene.key}"))
        scene.result_of("a direct call that is refused", lambda: model.call("x"))
        scene.result_of("a direct call that fails", lambda: model.call("x"))
        scene.fake.script(Reply(200, f"data: {scene.key}\n\n".encode(), content_type="text/event-stream"))
        scene.result_of("a direct call with a malformed answer", lambda: model.call("x"))
        scene.result_of("a direct call with wrong arguments", lambda: model.call("x", max_tokens=0))
        scene.search.left("a direct model", f"{model} {model!r} {vars(model)!r}")
        scene.result_of("the pickle of a direct model", lambda: pickle.dumps(model))


def _bridge(scene: Scene) -> None:
    with scene.bridge(scene.fake.model) as model:
        scene.result_of("a call", lambda: model.call("x"))
        scene.fake.script(scene.fake.error(401, f"Bad key {scene.key}"))
        scene.result_of("a call that is refused", lambda: model.call("x"))
        scene.search.left("a model", f"{model} {model!r} {vars(model)!r} {model.server!r}")
        _process(scene, model.server.pid)
    # The copy has the key, as docs/bridge.md says, and shows it no more than the model did.
    copy = pickle.loads(pickle.dumps(scene.bridge(scene.fake.model, scene.key)))
    scene.search.left("the copy of a model", f"{copy!r} {vars(copy)!r}")


def _groups(scene: Scene) -> None:
    with Panel(Fallback(scene.direct(scene.fake.model), leave_out_after=1)) as model:
        scene.fake.script(scene.fake.error(500, f"Bad key {scene.key}"))
        for _ in range(2):  # the second tells why it is left out
            scene.result_of("a panel of a fallback", lambda: model.call("x"))
        scene.search.left("models made of models", f"{model} {model!r} {vars(model)!r}")


def _late(scene: Scene) -> None:
    with scene.bridge(scene.fake.model) as model:
        model.start()
        os.kill(model.server.pid, signal.SIGSTOP)
        scene.result_of("a call that is late", lambda: model.call("x", timeout=0.05))


def _process(scene: Scene, pid: int | None) -> None:
    """Search a server's arguments and environment, as other programs of the same user can read them."""
    if Path("/proc").exists():
        scene.search.left("the server's argv", Path(f"/proc/{pid}/cmdline").read_bytes())
        scene.search.left("the server's environment", Path(f"/proc/{pid}/environ").read_bytes(), scene.variable)


def _tells_all(scene: Scene) -> None:
    model = MCPModel(scene.fake.provider, "m", [sys.executable, "-c", _TELLS_ALL], scene.key, start_timeout=10)
    scene.result_of("a server that prints its environment", lambda: model.call("x"))
    model.close()
    model = MCPModel(scene.fake.provider, "m", ["/nowhere/nothing", "--flag"], scene.key)
    scene.result_of("a server that cannot be started", lambda: model.call("x"))


def _odd_keys(scene: Scene) -> None:
    """Give keys that no header can hold. Neither half may show up in what is said about them."""
    first, second = canary("odd"), canary("odd")
    scene.search.add("the first half", first)
    scene.search.add("the second half", second)
    for between in ("\n", "\r\nx-evil: ", "\0", "é", " ", "\x1b[31m", "\ud800"):
        odd = f"{first}{between}{second}"
        scene.result_of("a direct model with an odd key", functools.partial(_call, scene.direct, scene, odd))
        scene.result_of("a model with an odd key", functools.partial(_call, scene.bridge, scene, odd))


def _call(cls: Any, scene: Scene, key: str) -> object:
    named = {"api_key": key}
    with cls(scene.fake.model, **named) as model:
        return model.call("x", timeout=20)


def _command(*words: str, stdin: str = "") -> Callable[[Scene], object]:
    def act(scene: Scene) -> None:
        filled = [word.format(provider=scene.fake.provider, model=scene.fake.model) for word in words]
        done = run(*filled, stdin=stdin.format(key=scene.key), env=scene.environment, cwd=scene.home)
        scene.search.left(f"the output of {' '.join(words)}", done.stdout + done.stderr)

    return act


def _command_that_fails(scene: Scene) -> None:
    for reply in (
        scene.fake.error(401, f"Bad key {scene.key}"),
        Reply(500, scene.key.encode()),
        scene.fake.text(None, scene.key),
    ):
        scene.fake.script(reply)
        _command("complete", "{provider}", "x", "--model", "{model}", "--json")(scene)


def _keys(scene: Scene) -> None:
    for words in (("set", "{provider}"), ("list",), ("remove", "{provider}"), ("set", "{provider}")):
        _command("keys", *words, stdin="{key}")(scene)
    for odd in ("{key} {key}", "{key}é", "{key}\0x", "\ufeff{key}\x07"):
        _command("keys", "set", "{provider}", stdin=odd)(scene)


def _hosts(scene: Scene) -> None:
    for host in HOSTS:
        scene.search.left(f"the output of install {host}", invoke("install", host, scene.fake.provider).output)
    scene.search.left("the output of uninstall", invoke("uninstall", next(iter(HOSTS))).output)


def _usage(scene: Scene) -> None:
    """Report on the calls so far, among them one whose answer names the key as its model."""
    for form in ("--json", "--csv"):
        for by in ("model", "host", "provider"):
            _command("usage", "--by", by, form)(scene)
    page = scene.home / "usage.html"
    _command("usage", "--html", str(page))(scene)
    scene.search.left("the page of usage", page.read_text(encoding="utf-8"))


ROWS: tuple[Row, ...] = (
    Row("an answer", _answered),
    *(Row(f"HTTP {status} with the key in its body", _body(status)) for status in STATUSES),
    Row("a page with the key", _raw(lambda scene: Reply(502, f"<html>{scene.key}</html>".encode(), content_type="text/html"))),
    Row("the key as the whole body", _raw(lambda scene: Reply(400, scene.key.encode()))),
    Row("the key where JSON belongs", _raw(lambda scene: Reply(200, scene.key.encode()))),
    Row(
        "an event that is no JSON",
        _raw(lambda scene: Reply(200, f"data: {{{scene.key}\n\n".encode(), content_type="text/event-stream")),
    ),
    Row(
        "the key as a list of errors", _raw(lambda scene: json_reply({"detail": [{"msg": scene.key, "loc": [scene.key]}]}, 422))
    ),
    Row("a stream that breaks off", _raw(lambda scene: Reply(chunks=[*scene.fake.half(), scene.key.encode()], cut=True))),
    Row("every refusal", lambda scene: [scene.ask(reply, prompt="x") for reply, _ in scene.fake.refusals()]),
    Row("a prompt that is too long", _raw(lambda scene: scene.fake.too_long())),
    Row("a model that does not exist", _raw(lambda scene: scene.fake.unknown_model())),
    Row("an empty answer", _raw(lambda scene: scene.fake.empty())),
    Row("a deadline", lambda scene: scene.ask(Reply(chunks=scene.fake.ticks(), pause=0.01), prompt="x", timeout=0.2)),
    Row("the key in headers", _headers),
    Row("the key in the model's words", _split, slow=True),
    Row("the key in other fields", _said),
    Row("the log of a call", _prompt),
    Row("the list of models", _models),
    Row("a redirect to another host", _redirected),
    Row("malformed lines", _malformed),
    Row("a model in this process", _direct),
    Row("a model over MCP", _bridge),
    Row("models made of models", _groups),
    Row("a server that does not answer", _late, slow=True),
    Row("a server that tells all", _tells_all),
    Row("a key that no header can hold", _odd_keys, slow=True),
    Row("complete", _command("complete", "{provider}", "x", "--model", "{model}")),
    Row("complete that fails", _command_that_fails, slow=True),
    Row("complete --stream", _command("complete", "{provider}", "x", "--model", "{model}", "--stream"), slow=True),
    Row("complete --with", _command("complete", "--with", "{provider}/{model},echo", "x"), slow=True),
    Row("keys", _keys, slow=True),
    Row("install and uninstall", _hosts, slow=True),
    Row("metrics, spans and access log over HTTP", search_what_is_shown, slow=True),
    Row("usage of the calls so far", _usage, slow=True),
    Row("serve", _command("serve", "{provider}", stdin='{{"jsonrpc": "2.0", "id": 1, "method": "{key}"}}\n'), slow=True),
)
"""Every situation. A new one is one more row here."""
