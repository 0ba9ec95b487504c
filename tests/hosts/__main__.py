"""Visit the hosts, and print the table: `python -m tests.hosts [NAME]…`. Without names, visit all and write `docs/hosts.md`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.checkout import ROOT
from tests.hosts.clients import call, clients
from tests.hosts.programs import PROGRAMS
from tests.hosts.visit import Visit, visit

PAGE = ROOT / "docs" / "hosts.md"
START, END = "<!-- visits -->\n", "<!-- /visits -->"


def main(names: list[str]) -> int:
    """Visit the hosts with these names, or all, and return the exit code."""
    visits, failed = [], 0
    for name, go in _visits():
        if names and name not in names:
            continue
        with _home() as home:
            try:
                visits.append(go(home))
                print(_row(visits[-1]), flush=True)
            except (AssertionError, RuntimeError, OSError) as error:
                failed += 1
                print(f"{name}: {error}", file=sys.stderr)
    if not failed and not names:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
        PAGE.write_text(f"{before}{START}\n{table(visits)}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return int(failed > 0 or not visits)


def table(visits: list[Visit]) -> str:
    """Return the visits as a Markdown table."""
    head = ["| host | version | protocol | how far | seconds | command |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *map(_row, visits)])


def _row(one: Visit) -> str:
    command = one.command.replace("`", "")
    return f"| {one.host} | {one.version} | {one.protocol} | {one.reached} | {one.seconds:.1f} | `{command}` |"


def _visits() -> Iterator[tuple[str, Callable[[Path], Visit]]]:
    for program in PROGRAMS:
        yield program.title, partial(visit, program)
    for client in clients():
        yield client.name, partial(call, client)


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a host may still be writing to it
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
