"""Let the model of a real host attach a file by its path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from mcp_models.client.hosts.table import HOSTS
from tests.hosts.program import Program
from tests.hosts.recording import answered, recording_interpreter
from tests.hosts.visit import ours, run_host

PROMPT = "Review this file."
PATH = "src/large.py"
LINES = 2000
FIRST = "first_line_of_a_large_file"


class Saved(NamedTuple):
    """What the arguments of a call take, in bytes of JSON: with the file in the prompt, and with its path."""

    inline: int
    by_path: int


def large_file() -> str:
    """Return a file of 2,000 lines of Python, as long as lines of code are."""
    names = [f"    total_{number} = prices[{number}] * amounts[{number}]" for number in range(LINES - 1)]
    return "\n".join([f"def {FIRST}(prices, amounts):", *names]) + "\n"


def saved() -> Saved:
    """Return what it takes to have the file reviewed."""
    by_path: dict[str, Any] = {"prompt": PROMPT, "files": [PATH]}
    sizes = [len(json.dumps(each, ensure_ascii=False)) for each in ({"prompt": f"{PROMPT}\n\n{large_file()}"}, by_path)]
    return Saved(*sizes)


def attach_in(program: Program, home: Path) -> None:
    """Install our server with a folder, and run the host, whose model names a file of that folder.

    Raises:
        AssertionError: The file did not reach the server, or no answer reached the host's model.
    """
    file = home / "project" / PATH
    file.parent.mkdir(parents=True)
    file.write_text(large_file(), encoding="utf-8")
    with program.model() as model:
        model.arguments = {"prompt": PROMPT, "files": [PATH]}
        program.set_up(home, model.url, has_file=True)
        environment = program.environment(home, model.url)
        interpreter, log = recording_interpreter(home)
        options = ["--project"] if program.project else []
        folder = str(home / "project")
        ours(interpreter, environment, "install", *options, HOSTS[program.host].name, "echo", "--files", folder)
        done = run_host(program, environment, home)
        said = f"exit code {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}"
        answered(log, FIRST)
        answered(log, f"total_{LINES - 2} ")
        assert any(FIRST in result for result in model.results), f"{program.title}: {model.results} {said}"
