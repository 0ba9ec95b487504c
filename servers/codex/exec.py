"""Run turns in `codex exec`, one process per turn. The prompt goes to its stdin, and its stdout has events as JSON lines."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mcp_models.servers.codex.process import CodexProcess
from mcp_models.servers.codex.turn import MOST_REQUESTS, Turn, TurnResult, endless
from mcp_models.servers.core import errors
from mcp_models.servers.core.completion import Usage

if TYPE_CHECKING:
    from mcp_models.servers.codex.home import CodexHome
    from mcp_models.servers.codex.login import Login
    from mcp_models.servers.core.provider import OnText

# This shell runs codex. Only this process holds the other end of the pipe $2. If this process goes away, for whatever reason,
# the shell removes the texts in the folder $1 and kills its whole group. codex itself would continue, as its stdin has ended.
GUARD = """texts=$1; exec 3<&0 4<"/dev/fd/$2"; shift 2
{ read -r _ <&4; rm -rf -- "$texts"; kill -KILL 0; } >/dev/null 2>&1 3<&- &
guard=$!
"$@" <&3 3<&- 4<&- &
exec 3<&- 4<&-
wait $!; code=$?
kill $guard 2>/dev/null
exit $code
"""

BOM = "\ufeff"

FLAGS = ["--json", "--skip-git-repo-check", "--ephemeral", "--ignore-rules", "--sandbox", "read-only"]


class ExecEngine:
    """Start a `codex exec` for every turn.

    Args:
        program: The path of codex.
        home: The CODEX_HOME to use.
    """

    def __init__(self, program: str, home: CodexHome) -> None:
        self._program, self._home = program, home
        self._texts = home.path / "texts"
        self._in_memory = hasattr(os, "memfd_create")

    async def run(self, turn: Turn, login: Login, on_text: OnText, on_accepted: Callable[[], None]) -> TurnResult:
        """Run a turn. See `Engine.run`. The text arrives in one piece."""
        if turn.images:
            raise errors.InvalidRequestError(
                "codex exec takes images from files only, and no prompt is put on disk: set OPENAI_CODEX_ENGINE=app-server."
            )
        try:
            return await self._run(turn, login, on_text, on_accepted)
        except errors.ProviderError as error:
            if _our_memory() not in str(error):  # if codex could not read our file, it has not asked the service yet
                raise
        self._in_memory = False
        return await self._run(turn, login, on_text, on_accepted)

    async def aclose(self) -> None:
        """Do nothing, as no process is kept. See `Engine.aclose`."""

    async def _run(self, turn: Turn, login: Login, on_text: OnText, on_accepted: Callable[[], None]) -> TurnResult:
        with contextlib.ExitStack() as open_files:
            child = await self._start(turn, open_files)
            child.most_refused = MOST_REQUESTS
            try:
                bom = BOM if turn.text.startswith(BOM) else ""  # codex removes the first one
                child.write((bom + turn.text).encode("utf-8", "replace"))
                child.close_stdin()
                events = _Events(on_text, on_accepted)
                async for line in child.lines():
                    events.receive(line)
                code = await child.end()
            except BaseException:
                child.kill()
                raise
        return events.outcome(code, child, login)

    async def _start(self, turn: Turn, open_files: contextlib.ExitStack) -> CodexProcess:
        arguments = ["exec", *FLAGS, "-C", str(self._home.work), "-m", turn.model]
        if turn.system:
            path = open_files.enter_context(self._private_file(turn.system))
            arguments += ["-c", f"model_instructions_file={json.dumps(path, ensure_ascii=False)}"]
        if turn.effort is not None:
            arguments += ["-c", f'model_reasoning_effort="{turn.effort}"']
        if turn.schema is not None:
            arguments += ["--output-schema", open_files.enter_context(self._private_file(json.dumps(turn.schema)))]
        command, fds = [self._program, *arguments, "-"], []
        if os.name == "posix":
            lifeline, ours = os.pipe()
            open_files.callback(os.close, ours)
            open_files.callback(os.close, lifeline)
            command = ["/bin/sh", "-c", GUARD, "codex", str(self._texts), str(lifeline), *command]
            fds.append(lifeline)
        return await CodexProcess.start(command, env=self._home.environment, cwd=self._home.work, fds=fds)

    @contextlib.contextmanager
    def _private_file(self, text: str) -> Iterator[str]:
        """Yield the path of a file with this text. It is in memory if codex can read that, to keep prompts off the disk.

        codex could not inherit a descriptor instead: a shim may start it, and node does not pass descriptors on.
        """
        data = text.encode("utf-8", "replace")
        if self._in_memory:
            with open(os.memfd_create("codex"), "wb") as memory:
                memory.write(data)
                memory.flush()
                yield f"{_our_memory()}{memory.fileno()}"
            return
        self._texts.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._texts) as file:
            file.write(data)
            file.flush()
            yield file.name


def _our_memory() -> str:
    return f"/proc/{os.getpid()}/fd/"


class _Events:
    """The result of a turn, built up from the lines of `codex exec --json`."""

    def __init__(self, on_text: OnText, on_accepted: Callable[[], None]) -> None:
        self._on_text, self._on_accepted = on_text, on_accepted
        self._so_far = TurnResult()
        self._completed = False
        self._failure = ""

    def receive(self, line: bytes) -> None:
        """Handle a line. Anything that is not an event is ignored."""
        try:
            event = json.loads(line)
        except ValueError:
            return
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "thread.started":
            self._so_far.thread_id = event["thread_id"]
        elif kind == "item.completed":
            self._item(event["item"])
        elif kind == "turn.completed":
            self._completed = True
            self._so_far.usage = _usage(event["usage"])
        elif kind == "turn.failed":
            self._failure = event["error"]["message"]
        elif kind == "error":
            self._failure = self._failure or event["message"]

    def outcome(self, code: int | None, child: CodexProcess, login: Login) -> TurnResult:
        """Return the outcome of the turn. Call it when the process has ended.

        Raises:
            CompletionError: The turn failed.
        """
        if child.refused_tools > MOST_REQUESTS:
            raise endless()
        if self._completed and code == 0:
            if self._so_far.text:
                self._on_text(self._so_far.text)
            return self._so_far
        if self._failure:
            self._so_far.fail(self._failure, login)
            return self._so_far
        said = f"codex exec ended in the middle (exit code {code}): {child.last_words()}"
        if "input_too_large" in said or "maximum length" in said:
            raise errors.ContextLengthError(said)
        raise errors.ProviderError(said, retryable=True)

    def _item(self, item: dict[str, Any]) -> None:
        if item["type"] == "agent_message":
            self._on_accepted()
            self._so_far.text = item["text"]
        elif item["type"] == "reasoning":
            self._on_accepted()
            self._so_far.reasoning.append(item["text"])
        elif item["type"] == "error":
            self._so_far.warnings.append(item["message"])


def _usage(counts: dict[str, Any]) -> Usage:
    return Usage(
        input_tokens=counts.get("input_tokens") or 0,
        output_tokens=counts.get("output_tokens") or 0,
        cache_read_tokens=counts.get("cached_input_tokens") or 0,
        cache_write_tokens=counts.get("cache_write_input_tokens") or 0,
        reasoning_tokens=counts.get("reasoning_output_tokens") or 0,
    )
