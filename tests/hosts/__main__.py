"""Visit every host, print the table, and write it to `docs/hosts.md`: `python -m tests.hosts`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.checkout import ROOT
from tests.hosts.clients import call, clients
from tests.hosts.programs import PROGRAMS
from tests.hosts.visit import Visit, visit

PAGE = ROOT / "docs" / "hosts.md"
START, END = "<!-- visits -->\n", "<!-- /visits -->"


def main() -> int:
    """Visit all, and return the exit code."""
    visits, failed = [], 0
    for name, go in _visits():
        with _home() as home:
            try:
                visits.append(go(home))
                print(_row(visits[-1]), flush=True)
            except (AssertionError, RuntimeError, OSError) as error:
                failed += 1
                print(f"{name}: {error}", file=sys.stderr)
    if not failed:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
        PAGE.write_text(f"{before}{START}\n{table(visits)}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return int(failed > 0)


def table(visits: list[Visit]) -> str:
    """Return the visits as a Markdown table."""
    head = ["| host | version | protocol | seconds | command |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(_row, visits)])


def _row(one: Visit) -> str:
    return f"| {one.host} | {one.version} | {one.protocol} | {one.seconds:.1f} | `{one.command.replace('`', '')}` |"


def _visits() -> Iterator[tuple[str, Callable[[Path], Visit]]]:
    for program in PROGRAMS:
        yield program.host, lambda home, program=program: visit(program, home)  # type: ignore[misc]
    for client in clients():
        yield client.name, lambda home, client=client: call(client, home)  # type: ignore[misc]


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a host may still be writing to it
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
