"""Define `mcp-models tape`: record a server, play it back, and read what was recorded. `tape.py` does the first two."""

from __future__ import annotations

from typing import NoReturn

import click

from mcp_models.client.commands.terminal import print_rows, visible
from mcp_models.client.tapes.errors import TapeError

EXAMPLES = """
\b
Examples:
  mcp-models tape record session.jsonl -- mcp-models serve openai
  mcp-models tape replay session.jsonl
  mcp-models tape show session.jsonl
"""


class _Speed(click.ParamType[float]):
    name = "speed"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return how many times as fast as recorded, or 0 for `instant`."""
        try:
            speed = 0.0 if value == "instant" else float(str(value).rstrip("x×"))
        except ValueError:
            speed = -1.0
        if not 0 <= speed < float("inf"):
            self.fail(
                f"{value!r}: expected `instant`, or a number such as 1 (as recorded) or 10 (ten times as fast)", param, ctx
            )
        return speed


@click.group("tape", epilog=EXAMPLES)
def command() -> None:
    """Record what a host and a server say, and play it back without a network or a key."""


@command.command("record", epilog="Example: mcp-models tape record session.jsonl -- mcp-models serve openai")
@click.argument("file")
@click.argument("server", nargs=-1, required=True, type=click.UNPROCESSED)
def record(file: str, server: tuple[str, ...]) -> NoReturn:
    """Run SERVER, pass on everything between it and its host, and write that to FILE, without keys.

    If FILE exists, the session is added to it.
    """
    from mcp_models.client.commands import tape

    tape.record(file, server)


@command.command("replay", epilog="Example: mcp-models tape replay session.jsonl --speed 1")
@click.argument("file")
@click.option("--speed", type=_Speed(), default="instant", help="instant (default), 1 as recorded, 10 ten times as fast.")
@click.option("--repeat", is_flag=True, help="Let the last recording of a call answer it again and again.")
def replay(file: str, speed: float, repeat: bool) -> NoReturn:
    """Be the server that was recorded in FILE: answer each request with its recording, in order.

    What was not recorded gets an error that shows the nearest recording and the difference.
    """
    from mcp_models.client.commands import tape

    tape.replay(file, speed, repeat)


@command.command("show", epilog="Example: mcp-models tape show session.jsonl")
@click.argument("file")
@click.option("--full", is_flag=True, help="Show whole messages.")
def show(file: str, full: bool) -> None:
    """Show what was recorded in FILE: when it was said, by whom (→ client, ← server), and what."""
    from mcp_models.client.tapes.showing import HEADS, RIGHT, rows
    from mcp_models.client.tapes.tape_file import read_tape

    try:
        tape = read_tape(file)
    except TapeError as error:
        click.echo(visible(f"mcp-models: {error}"), err=True)
        raise SystemExit(2) from None
    print_rows(HEADS, rows(tape, full), RIGHT)
