"""Collect a long answer through each of the hosts that give up early, and use tasks and conversations through Codex."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.acceptors import ENVIRONMENTS
from tests.hosts import programs
from tests.hosts.program import Program
from tests.hosts.recording import recording_interpreter
from tests.hosts.visit import ours, run_host
from tests.installed import npm_packages
from tests.long_calls import planned_model
from tests.long_calls.planned_model import Plan, PlannedModel
from tests.trust.outcome import Outcome

ECHO = [sys.executable, "-m", "mcp_models.servers.echo_mcp_server"]
PROMPT = "an answer that takes its time"
HERE = Path(__file__).parent
SECONDS = 900


def through_codex(home: Path, plan: Plan, claim: str) -> tuple[Outcome, list[str]]:
    """Let Codex follow a plan with our echo server. Return what came of it and all results that its model got."""
    outcome = Outcome(claim)
    codex = next(program for program in programs.PROGRAMS if program.host == "codex")
    program: Program = dataclasses.replace(codex, model=lambda: PlannedModel(plan))
    with program.model() as model:
        program.set_up(home, model.url, has_file=True)
        environment = program.environment(home, model.url)
        interpreter, _ = recording_interpreter(home)
        ours(interpreter, environment, "install", program.host, "echo")
        started = time.monotonic()
        done = run_host(program, environment, home, SECONDS)
        outcome.figures["seconds"] = round(time.monotonic() - started)
        outcome.figures["calls"] = len(model.results)
        if done.returncode:
            outcome.fail(f"exit code {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
        return outcome, model.results


def codex_waits(home: Path, seconds: int) -> Outcome:
    """Collect an answer that takes longer than Codex waits."""
    asked = {"prompt": PROMPT, "model": f"echo-slow-{seconds}"}
    outcome, results = through_codex(
        home, planned_model.until_answered(asked), f"Codex (300 s) collects an answer that takes {seconds} s"
    )
    _check_last(outcome, results[-1] if results else "nothing")
    return outcome


def codex_collects_three(home: Path, seconds: int) -> Outcome:
    """Set three tasks to work in the background, and collect them."""
    outcome, results = through_codex(
        home,
        planned_model.three_in_the_background(f"echo-slow-{seconds}"),
        f"three background tasks of {seconds} s each, collected by Codex",
    )
    for number, result in enumerate(results[3:], 1):
        if f"question {number}" not in result:
            outcome.fail(result)
    if len(results) != 6:
        outcome.fail(f"{len(results)} results instead of 6")
    return outcome


def codex_converses(home: Path) -> Outcome:
    """Ask two turns of a named conversation."""
    outcome, results = through_codex(home, planned_model.two_turns, "two turns of a named conversation through Codex")
    for result, note in zip(
        results, ("New conversation `auth-review`", "Turn 2 of the conversation `auth-review`"), strict=False
    ):
        if note not in result:
            outcome.fail(f"no {note!r} in {result}")
    if len(results) != 2:
        outcome.fail(f"{len(results)} results instead of 2")
    return outcome


def typescript_waits(major: int, seconds: int) -> Outcome:
    """Collect an answer that takes longer than the TypeScript SDK waits."""
    outcome = Outcome(f"a client on TypeScript SDK {major} (60 s) collects an answer that takes {seconds} s")
    asked = json.dumps({"prompt": PROMPT, "model": f"echo-slow-{seconds}"})
    command = ["node", str(HERE / "typescript.mjs"), str(major), asked, *ECHO]
    environment = {**os.environ, "MCP_MODELS_REPLY_WITHIN": "50"}  # the SDK's clients name themselves as they like
    folder = npm_packages("acceptors", ENVIRONMENTS)
    done = _run(command, environment, folder)
    if done.returncode:
        outcome.fail(done.stderr[-500:])
        return outcome
    replies = json.loads(done.stdout)
    outcome.figures |= {"calls": len(replies), "seconds of each": " + ".join(str(reply["seconds"]) for reply in replies)}
    _check_last(outcome, replies[-1]["text"])
    return outcome


def inspector_waits(home: Path, seconds: int) -> Outcome:
    """Collect an answer that takes longer than the Inspector waits, with its command line for connections that stay."""
    outcome = Outcome(f"the Inspector's mcpdo (60 s) collects an answer that takes {seconds} s")
    mcpdo = _Mcpdo(home)
    try:
        mcpdo.run("connect", "--connection", "echo", "--", *ECHO)
        asked: dict[str, Any] | None = {"prompt": PROMPT, "model": f"echo-slow-{seconds}"}
        took, result = [], ""
        while asked:
            started = time.monotonic()
            result = mcpdo.run("tools/call", "--connection", "echo", "complete", json.dumps(asked))
            took.append(str(round(time.monotonic() - started)))
            waited_for = planned_model.task_id(result)
            asked = {"task_id": waited_for} if waited_for else None
        outcome.figures |= {"calls": len(took), "seconds of each": " + ".join(took)}
        _check_last(outcome, result)
    except AssertionError as error:
        outcome.fail(str(error))
    finally:
        mcpdo.run("daemon", "stop")
    return outcome


def inspector_polls(home: Path, seconds: int) -> Outcome:
    """Collect an answer by the official extension, with the Inspector's client of it."""
    outcome = Outcome(f"the Inspector collects an answer that takes {seconds} s by the tasks extension, in one call")
    mcpdo = _Mcpdo(home)
    interpreter, log = recording_interpreter(home)
    try:
        mcpdo.run("connect", "--connection", "echo", "--era", "modern", "--", str(interpreter), *ECHO[1:])
        started = time.monotonic()
        asked = json.dumps({"prompt": PROMPT, "model": f"echo-slow-{seconds}"})
        _check_last(outcome, mcpdo.run("tools/call", "--connection", "echo", "complete", asked))
        polls = log.read_text(encoding="utf-8").count('"tasks/get"')
        outcome.figures |= {"seconds": round(time.monotonic() - started), "requests of tasks/get": polls}
        if not polls:
            outcome.fail("it was not a task")
    except AssertionError as error:
        outcome.fail(str(error))
    finally:
        mcpdo.run("daemon", "stop")
    return outcome


class _Mcpdo:
    """The Inspector's `mcpdo`, with a daemon of its own in a private home."""

    def __init__(self, home: Path) -> None:
        bin_folder = npm_packages("hosts", HERE.parent / "hosts") / "node_modules" / ".bin"
        self._program, self._home = bin_folder / "mcpdo", home
        path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
        self._environment = {"PATH": path, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}

    def run(self, *words: str) -> str:
        """Run a command and return what it prints.

        Raises:
            AssertionError: It failed.
        """
        done = _run([str(self._program), *words], self._environment, self._home)
        assert done.returncode == 0, f"{words[0]}: exit code {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"
        return done.stdout


def _run(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": SECONDS}
    return subprocess.run(command, env=environment, cwd=folder, **options)


def _check_last(outcome: Outcome, result: str) -> None:
    if PROMPT not in result:
        outcome.fail(f"the answer did not come: {result}")
