"""Run turns in `codex app-server`, one process for many turns, with JSON-RPC lines on its stdin and stdout.

The interface is what `codex app-server generate-json-schema` prints in codex 0.169.0. A turn is
thread/start -> turn/start -> item/agentMessage/delta … -> turn/completed. The next turn of the conversation begins with
turn/start. A thread that is kept no longer gets thread/unsubscribe.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mcp_models.servers.codex.kept_threads import KeptThread, KeptThreads, since
from mcp_models.servers.codex.process import CodexProcess
from mcp_models.servers.codex.turn import MOST_REQUESTS, Turn, TurnResult, endless, said_after
from mcp_models.servers.core import __version__, errors
from mcp_models.servers.core.completion import ImagePart, TextPart, Usage

if TYPE_CHECKING:
    from mcp_models.servers.codex.home import CodexHome
    from mcp_models.servers.codex.login import Login
    from mcp_models.servers.core.provider import OnText

MAX_TURNS = 200
"""How many turns to run before replacing the process. It grows by about 1 MB per turn, as measured."""

MAX_AGE = 3600.0
IDLE_SECONDS = 300.0
"""How many seconds to keep an idle process. It uses 136 MB and more."""

ANSWER_SECONDS = 30.0
INTERRUPT_SECONDS = 2.0

METHOD_NOT_FOUND = -32601


class AppServerEngine:
    """Keep a `codex app-server` running while there is work, and replace it before it gets old or large.

    Args:
        program: The path of codex.
        home: The CODEX_HOME to use.
    """

    def __init__(self, program: str, home: CodexHome) -> None:
        self._program, self._home = program, home
        self._current: AppServer | None = None
        self._starting = asyncio.Lock()
        self._retired: set[AppServer] = set()
        self._idle: asyncio.TimerHandle | None = None

    async def run(self, turn: Turn, login: Login, on_text: OnText, on_accepted: Callable[[], None]) -> TurnResult:
        """Run a turn. See `Engine.run`."""
        server = await self._server()
        server.turns += 1
        server.running += 1
        try:
            return await server.run(turn, login, on_text, on_accepted)
        finally:
            server.running -= 1
            self._after(server)

    async def aclose(self) -> None:
        """End all processes. See `Engine.aclose`."""
        if self._idle:
            self._idle.cancel()
        for server in [*self._retired, *([self._current] if self._current else [])]:
            await server.aclose()

    async def _server(self) -> AppServer:
        """Return the process to use. Start a new one if there is none, or if the old one is used up."""
        async with self._starting:
            if self._idle:
                self._idle.cancel()
            if self._current is None or self._current.is_used_up():
                self._retire(self._current)
                self._current = await AppServer.start(self._program, self._home)
            return self._current

    def _after(self, server: AppServer) -> None:
        if server is not self._current:
            self._retire(server)
        elif server.stuck and server.running == 0:
            self._current = None
            self._retired.add(server)
            server.kill()
        elif server.running == 0:
            self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._go_idle, server)

    def _go_idle(self, server: AppServer) -> None:
        if server is self._current and server.running == 0:
            self._current = None
            self._retire(server)

    def _retire(self, server: AppServer | None) -> None:
        if server is None:
            return
        self._retired = {other for other in self._retired if not other.ended} | {server}
        if server.running == 0:
            server.close()


class AppServer:
    """One `codex app-server` process.

    Attributes:
        turns: How many turns it was given.
        running: How many of these have not ended.
        stuck: Whether it failed to stop a turn when told to.
    """

    def __init__(self, child: CodexProcess, work: str) -> None:
        self.turns = self.running = 0
        self.stuck = False
        self._ending: asyncio.Task[int | None] | None = None
        self._work = work
        self._child = child
        self._started = time.monotonic()
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._threads: dict[str, _Running] = {}
        self._kept = KeptThreads()
        self._gone: errors.CompletionError | None = None
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def start(cls, program: str, home: CodexHome) -> AppServer:
        """Start a process and initialize the protocol.

        Raises:
            CompletionError: The process ended or did not answer.
        """
        child = await CodexProcess.start([program, "app-server"], env=home.environment, cwd=home.work)
        server = cls(child, str(home.work))
        try:
            client = {"name": "mcp_models", "title": "mcp-models", "version": __version__}
            await server._request("initialize", {"clientInfo": client})
        except BaseException:
            server._child.kill()
            raise
        server._send({"method": "initialized"})
        return server

    def is_used_up(self) -> bool:
        """Return whether a new process should take the next turn."""
        old = self.turns >= MAX_TURNS or time.monotonic() - self._started > MAX_AGE
        return old or self.stuck or self._gone is not None

    async def run(self, turn: Turn, login: Login, on_text: OnText, on_accepted: Callable[[], None]) -> TurnResult:
        """Run a turn in the thread in which its conversation was held, or else in a new one. codex saves none of them."""
        kept = self._kept.take(turn.history)
        thread = kept.id if kept else await self._new_thread(turn)
        running = self._threads[thread] = _Running(thread, login, on_text, on_accepted)
        running.before = kept.usage if kept else Usage()
        try:
            begun = await self._request("turn/start", _turn_start(thread, turn, turn.follow_up if kept else turn.prompt))
            running.turn_id = begun["turn"]["id"]
            outcome = await asyncio.shield(running.outcome)
        except errors.CompletionError:
            self._forget(running)
            raise
        except BaseException:
            self._interrupt(running)
            raise
        del self._threads[thread]
        for old in self._kept.keep(said_after(turn, outcome.text), KeptThread(thread, running.total)):
            self._unsubscribe(old.id)
        return outcome

    async def _new_thread(self, turn: Turn) -> str:
        start: dict[str, Any] = {
            "model": turn.model,
            "cwd": self._work,
            "ephemeral": True,
            "sandbox": "read-only",
            "approvalPolicy": "never",
        }
        if turn.effort is not None:  # not the `effort` of turn/start, as the first turn of a thread ignores it
            start["config"] = {"model_reasoning_effort": turn.effort}
        begun = await self._request("thread/start", {**start, "baseInstructions": turn.system})
        return str(begun["thread"]["id"])

    @property
    def ended(self) -> bool:
        """Whether the process has ended and all its output was read."""
        return self._reading.done()

    def kill(self) -> None:
        """Kill the process."""
        self._child.kill()

    def close(self) -> None:
        """Ask the process to end, and kill it if it does not."""
        self._child.close_stdin()
        self._ending = asyncio.get_running_loop().create_task(self._child.end())

    async def aclose(self) -> None:
        """End the process now."""
        self._child.close_stdin()
        self._child.kill()
        await self._child.end()
        await asyncio.wait([self._reading], timeout=1)  # after this, its pipes are closed too

    async def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if self._gone:
            raise self._gone
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._send({"id": number, "method": method, "params": params})
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                result: dict[str, Any] = await answer
                return result
        except TimeoutError:
            self._child.kill()
            said = f"codex did not answer {method} within {ANSWER_SECONDS:g} s."
            self._gone = errors.ProviderError(said, retryable=True)
            raise self._gone from None
        finally:
            del self._answers[number]

    def _send(self, message: dict[str, Any]) -> None:
        self._child.write(json.dumps(message).encode() + b"\n")

    async def _read(self) -> None:
        async for line in self._child.lines():
            try:
                self._receive(json.loads(line))
            except ValueError:  # not JSON, so ignore it
                continue
            except Exception:  # an unexpected form may harm its turn, but must not stop the reading
                traceback.print_exc(file=sys.stderr)
        code = await self._child.end()
        said = f"codex app-server ended in the middle (exit code {code}): {self._child.last_words()}"
        self._gone = errors.ProviderError(said, retryable=True)
        waiting: list[asyncio.Future[Any]] = [*self._answers.values(), *(running.outcome for running in self._threads.values())]
        for future in waiting:
            if not future.done():
                future.set_exception(self._gone)

    def _receive(self, message: Any) -> None:
        if not isinstance(message, dict):
            return
        number, method = message.get("id"), message.get("method")
        if method is None:
            self._answer(number, message)
        elif number is not None:  # a request, for an approval for example; we never grant any
            error = {"code": METHOD_NOT_FOUND, "message": "not supported"}
            self._send({"id": number, "error": error})
        else:
            params = message.get("params") or {}
            running = self._threads.get(params.get("threadId") or "")
            if running:
                running.receive(method, params)
                if running.cancelled or running.is_endless():
                    self._interrupt(running)

    def _answer(self, number: Any, message: dict[str, Any]) -> None:
        waiting = self._answers.get(number)
        if waiting is None or waiting.done():
            return
        if "result" in message:
            waiting.set_result(message["result"])
            return
        error = message.get("error") or {}
        too_long = (error.get("data") or {}).get("input_error_code") == "input_too_large"
        cls = errors.ContextLengthError if too_long else errors.InvalidRequestError
        waiting.set_exception(cls(f"codex refuses it: {error.get('message')}"))

    def _interrupt(self, running: _Running) -> None:
        """Stop a turn whose caller has gone. If codex does not confirm this in time, it gets no further turns."""
        if running.outcome.done():
            self._forget(running)
            return
        if not running.cancelled:
            running.cancelled = True
            asyncio.get_running_loop().call_later(INTERRUPT_SECONDS, self._insist, running)
        if running.turn_id and not running.interrupted:
            running.interrupted = True
            self._send({"id": 0, "method": "turn/interrupt", "params": {"threadId": running.thread, "turnId": running.turn_id}})

    def _insist(self, running: _Running) -> None:
        if not running.outcome.done():
            self.stuck = True
            if running.is_endless():
                running.outcome.set_exception(endless())
            if self.running == 0:  # otherwise let its other turns end first
                self._child.kill()

    def _forget(self, running: _Running) -> None:
        if self._threads.pop(running.thread, None):
            self._unsubscribe(running.thread)
            if not running.outcome.cancel():
                running.outcome.exception()  # mark it as retrieved, or asyncio would complain

    def _unsubscribe(self, thread: str) -> None:
        self._send({"id": 0, "method": "thread/unsubscribe", "params": {"threadId": thread}})


class _Running:
    """A turn in progress, built up from its notifications."""

    def __init__(self, thread: str, login: Login, on_text: OnText, on_accepted: Callable[[], None]) -> None:
        self.thread, self.turn_id = thread, ""
        self.cancelled = self.interrupted = False
        self.before = self.total = Usage()
        self.outcome: asyncio.Future[TurnResult] = asyncio.get_running_loop().create_future()
        self._login, self._on_text, self._on_accepted = login, on_text, on_accepted
        self._so_far = TurnResult(thread_id=thread)
        self._requests = 0
        self._asides: set[str] = set()

    def is_endless(self) -> bool:
        """Return whether codex has asked the service so often that it will not stop by itself."""
        return self._requests > MOST_REQUESTS

    def receive(self, method: str, params: dict[str, Any]) -> None:
        """Handle a notification. Unknown ones are ignored."""
        if method == "turn/started":
            self.turn_id = params["turn"]["id"]
        elif method == "item/started":
            self._item_started(params["item"])
        elif method == "item/agentMessage/delta":
            if params["itemId"] not in self._asides and not self.cancelled:
                self._on_text(params["delta"])
        elif method == "item/completed":
            self._item_completed(params["item"])
        elif method == "thread/tokenUsage/updated":
            self.total = usage_of(params["tokenUsage"]["total"])
            self._so_far.usage = since(self.total, self.before)
            self._requests += 1
        elif method == "model/rerouted":
            self._so_far.model = params.get("toModel")
        elif method == "warning":
            self._so_far.warnings.append(str(params.get("message")))
        elif method == "turn/completed":
            self._end(params["turn"])

    def _item_started(self, item: dict[str, Any]) -> None:
        if item["type"] in ("agentMessage", "reasoning"):
            self._on_accepted()
        if item.get("phase") == "commentary":
            self._asides.add(item["id"])

    def _item_completed(self, item: dict[str, Any]) -> None:
        if item["type"] == "agentMessage" and item.get("phase") != "commentary":
            self._so_far.text = item["text"]
        elif item["type"] == "reasoning":
            self._so_far.reasoning += [str(text) for text in item.get("summary") or []]

    def _end(self, turn: dict[str, Any]) -> None:
        if self.outcome.done():
            return
        try:
            if self.is_endless():
                raise endless()
            if turn["status"] != "completed":
                error = turn.get("error") or {}
                said = error.get("message") or f"the turn was {turn['status']}"
                self._so_far.fail(said, self._login, error.get("codexErrorInfo"))
            self.outcome.set_result(self._so_far)
        except errors.CompletionError as error:
            self.outcome.set_exception(error)


def _turn_start(thread: str, turn: Turn, prompt: list[TextPart | ImagePart]) -> dict[str, Any]:
    parts = [
        {"type": "text", "text": part.text} if isinstance(part, TextPart) else {"type": "image", "url": part.url}
        for part in prompt
    ]
    return {"threadId": thread, "input": parts, "outputSchema": turn.schema}


def usage_of(counts: dict[str, Any]) -> Usage:
    """Convert codex's token counts. `inputTokens` includes cached tokens, and `outputTokens` includes thinking."""
    return Usage(
        input_tokens=counts.get("inputTokens") or 0,
        output_tokens=counts.get("outputTokens") or 0,
        cache_read_tokens=counts.get("cachedInputTokens") or 0,
        cache_write_tokens=counts.get("cacheWriteInputTokens") or 0,
        reasoning_tokens=counts.get("reasoningOutputTokens") or 0,
    )
