"""A tape's file: what passed stands there byte for byte, without keys, and no crash makes it unreadable."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import stat
import sys
from pathlib import Path

import pytest

from mcp_models.client import TapeError
from mcp_models.client.tapes.tape_file import TapeWriter, read_tape
from mcp_models.servers.core import redaction
from tests.client.tapes.tapes import answer, ask, write

KEY = "an-unguessable-value"


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "tape.jsonl"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(redaction, "_known", [])
    monkeypatch.setenv("SOME_API_KEY", KEY)
    redaction.protect_environment()
    return KEY


@pytest.mark.parametrize(
    "line", [b'{ "id":1.0 ,"a": "\\u00e9\\/" }', '{"a":"é\u2028"}'.encode(), b'{"id":1,"id":2}', b"[1, 2]", b"3"]
)
def test_json_stands_there_byte_for_byte(tape: Path, line: bytes) -> None:
    write(tape, ("server", 0.5, line))
    (read,) = read_tape(tape).lines
    assert (read.raw, read.seconds, read.source) == (line, 0.5, "server")
    assert line in tape.read_bytes()


@pytest.mark.parametrize("line", [b'{"a":"half \\ud83d"}', b'\xef\xbb\xbf{"a":1}', b' {"a":1} \r'])
def test_what_only_some_take_for_json_keeps_its_bytes_and_is_a_message(tape: Path, line: bytes) -> None:
    write(tape, ("server", 0.0, line))
    (read,) = read_tape(tape).lines
    assert read.raw == line
    assert "a" in read.message


@pytest.mark.parametrize("line", [b"no JSON", b'{"torn', b"\xff\xfe", b"[" * 20_000])
def test_what_is_no_json_is_kept_as_text(tape: Path, line: bytes) -> None:
    write(tape, ("server", 0.0, line))
    (read,) = read_tape(tape).lines
    assert (read.raw, read.message) == (line.decode("utf-8", "replace").encode(), None)


@pytest.mark.parametrize(
    "line",
    [
        f'{{"a":"my {KEY}"}}',
        f'{{"a":["b",{{"{KEY}":1}}]}}',
        '{"a":"\\u0061n-unguessable-value"}',
        f"no JSON: {KEY}",
        '{"a":"sk-proj-0123456789abcdef"}',
        '{"url":"https://me:a-password@example.com/"}',
    ],
)
def test_keys_are_left_out(tape: Path, key: str, line: str) -> None:
    write(tape, ("client", 0.0, line.encode()))
    text = tape.read_text()
    assert "[redacted]" in text
    for secret in (KEY, "u0061n-unguessable", "0123456789abcdef", "a-password"):
        assert secret not in text
    assert read_tape(tape).lines[0].source == "client"


@pytest.mark.parametrize("hidden", [KEY, "\\u0061n-unguessable-value"])
def test_a_key_is_left_out_where_a_name_stands_twice_and_one_of_them_counts(tape: Path, key: str, hidden: str) -> None:
    write(tape, ("client", 0.0, f'{{"a":"{hidden}","a":1}}'.encode()))
    assert "n-unguessable-value" not in tape.read_text()
    assert read_tape(tape).lines[0].message == {"a": 1}


def test_a_url_beside_an_address_with_an_at_sign_stays_json(tape: Path) -> None:
    write(tape, ("client", 0.0, b'{"a":"https://example.com","b":"me@example.com"}'))
    assert read_tape(tape).lines[0].message == {"a": "https://example.com", "b": "me@example.com"}


def test_the_header_says_what_was_recorded_and_has_no_key(tape: Path, key: str) -> None:
    TapeWriter(tape, {"command": ["server", KEY]}).close()
    (header,) = read_tape(tape).headers.values()
    assert header["command"] == ["server", "[redacted]"]
    assert header["tape"] == 1
    assert stat.S_IMODE(tape.stat().st_mode) == 0o600


def test_a_torn_last_line_is_no_loss_and_the_next_session_begins_on_a_line_of_its_own(tape: Path) -> None:
    write(tape, ("client", 0.0, ask(1, "a")))
    os.truncate(tape, tape.stat().st_size - 5)
    assert (len(read_tape(tape).lines), read_tape(tape).skipped) == (1, [])
    write(tape, ("client", 0.0, ask(1, "b")))
    read = read_tape(tape)
    assert [line.message["params"]["arguments"]["prompt"] for line in read.lines] == ["a", "b"]
    assert (len(read.headers), read.skipped) == (2, [3])


@pytest.mark.parametrize("content", ["", "hello\n", '{"jsonrpc":"2.0"}\n', "{}\n"])
def test_another_file_is_no_tape(tape: Path, content: str) -> None:
    tape.write_text(content)
    with pytest.raises(TapeError, match="is not a tape"):
        read_tape(tape)


def test_a_tape_of_a_newer_version_says_so(tape: Path) -> None:
    tape.write_text('{"tape":2,"session":"a"}\n')
    with pytest.raises(TapeError, match="newer version"):
        read_tape(tape)


def test_a_file_that_is_not_there_is_named(tape: Path) -> None:
    with pytest.raises(TapeError, match=r"tape\.jsonl"):
        read_tape(tape)


def _write_many(path: str, number: int) -> None:
    tape = TapeWriter(path, {})
    for one in range(50):
        tape.write("client", json.dumps(ask(one, f"{number} " * 5000)).encode())
    tape.close()


def test_two_processes_write_whole_lines_each_with_its_session(tape: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_write_many, args=(str(tape), number)) for number in (1, 2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)
    read = read_tape(tape)
    assert (len(read.lines), len(read.headers), read.skipped) == (100, 2, [])
    prompts = {(line.session, line.message["params"]["arguments"]["prompt"][0]) for line in read.lines}
    assert len(prompts) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such lock")
@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True)])
def test_who_wants_to_be_alone_is_refused_while_somebody_else_writes(tape: Path, first: bool, second: bool) -> None:
    writer = TapeWriter(tape, {}, alone=first)
    with pytest.raises(TapeError, match="written by another session"):
        TapeWriter(tape, {}, alone=second, anew=second)
    writer.write("server", json.dumps(answer(1, "still there")).encode())
    writer.close()
    assert len(read_tape(tape).lines) == 1
    TapeWriter(tape, {}, alone=True, anew=True).close()
    assert read_tape(tape).lines == []


def test_a_line_that_was_torn_by_a_full_disk_spoils_no_other(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, write_bytes = TapeWriter(tape, {}), os.write
    room = [10]

    def filling(descriptor: int, data: memoryview) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "no space")
        return write_bytes(descriptor, data[: room.pop()])

    with monkeypatch.context() as full:
        full.setattr(os, "write", filling)
        with pytest.raises(OSError, match="no space"):
            writer.write("client", b'{"lost":1}')
    writer.write("client", b'{"kept":1}')
    writer.close()
    assert [line.message for line in read_tape(tape).lines] == [{"kept": 1}]


@pytest.mark.parametrize("anew", [True, False])
def test_a_file_that_is_no_tape_is_left_as_it_is(tape: Path, anew: bool) -> None:
    tape.write_text("import os\n")
    with pytest.raises(TapeError, match="is not a tape: name another file"):
        TapeWriter(tape, {}, alone=True, anew=anew)
    assert tape.read_text() == "import os\n"
