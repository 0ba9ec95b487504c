"""`mcp-models tape`: its options, and what a person reads of a tape. What it does is tested in `tests/client/tapes`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.commands.pseudo_terminal import run_in_terminal
from tests.client.commands.run import invoke, run
from tests.client.tapes.tapes import answer, ask, progress, write
from tests.peer import request


@pytest.fixture
def tape(tmp_path: Path) -> str:
    piece = progress("t", 0.5)
    piece["params"]["_meta"] = {"mcp-models/delta": "Blue\x1b[31m"}
    failed = answer(2, "no key")
    failed["result"]["isError"] = True
    return str(
        write(
            tmp_path / "tape.jsonl",
            ("client", 0.0, request(0, "ping")),
            ("server", 0.25, {"jsonrpc": "2.0", "id": 0, "result": {}}),
            ("client", 1.0, ask(1, "Why?", progressToken="t")),
            ("server", 1.5, piece),
            ("server", 2.0, answer(1, "x" * 200)),
            ("client", 2.0, ask(2, "And?")),
            ("server", 2.0, failed),
            ("server", 3.0, b"no JSON"),
            ("client", 3.0, {"jsonrpc": "2.0", "id": 3, "method": "nope"}),
            ("server", 3.0, {"jsonrpc": "2.0", "id": 3, "error": {"code": -32601, "message": "unknown"}}),
        )
    )


def test_show_has_a_line_for_each_message_in_a_pipe(tape: str) -> None:
    lines = [line.split("\t") for line in invoke("tape", "show", tape).stdout.splitlines()]
    assert lines[0][3:] == ["session", lines[0][4]]
    assert lines[0][4].endswith("Z a-server")
    assert lines[1:4] == [
        ["0.000", "→", "0", "ping"],
        ["0.250", "←", "0", "answer to ping", "{}"],
        ["1.000", "→", "1", "tools/call complete", '{"prompt": "Why?"}'],
    ]
    assert lines[4][:2] + lines[4][3:4] == ["1.500", "←", "notifications/progress"]
    assert lines[5][3:] == ["answer to tools/call complete", f"{'x' * 99}…"]
    assert lines[7][3:] == ["error, answer to tools/call complete", "no key"]
    assert lines[8][3:] == ["no JSON", "no JSON"]
    assert lines[10][3:] == ["error, answer to nope", '{"code": -32601, "message": "unknown"}']
    assert lines[11] == ["", "", "", "exit", "code 0"]
    assert "x" * 200 in invoke("tape", "show", "--full", tape).stdout


def test_show_is_a_table_in_a_terminal_and_a_models_words_give_it_no_orders(tape: str) -> None:
    code, shown = run_in_terminal("tape", "show", tape)
    assert code == 0
    assert "seconds" in shown
    assert "\\x1b[31m" in shown


@pytest.mark.parametrize("words", [("show",), ("replay",)])
def test_a_file_that_is_no_tape_is_an_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run("tape", *words, str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mcp-models: cannot read the tape")


@pytest.mark.parametrize("speed", ["fast", "-1", "nan", "inf"])
def test_a_speed_that_makes_no_sense_says_what_does(speed: str) -> None:
    done = invoke("tape", "replay", "tape.jsonl", f"--speed={speed}")
    assert done.exit_code == 2
    assert "expected `instant`, or a number such as 1" in done.stderr


def test_replay_takes_a_speed(tape: str) -> None:
    done = run("tape", "replay", tape, "--speed", "100x", stdin='{"jsonrpc":"2.0","id":"a","method":"ping"}\n')
    assert (done.returncode, done.stdout) == (0, '{"jsonrpc": "2.0", "id": "a", "result": {}}\n')


def test_record_without_a_server_is_a_mistake(tmp_path: Path) -> None:
    done = run("tape", "record", str(tmp_path / "tape"), "--")
    assert done.returncode == 2
    assert "Missing argument 'SERVER...'" in done.stderr
