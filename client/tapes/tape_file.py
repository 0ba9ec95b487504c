"""Read and write tapes: files of JSON lines, which hold the messages that passed and when they did.

A session begins with a header, such as `{"tape": 1, "session": "5f2a", "started": …, "command": […]}`. Each further line holds
the seconds since then, who spoke and what was said: `{"t": 0.01, "session": "5f2a", "from": "client", "message": …}`. The
message stands there byte for byte as it passed, without its secrets. What is not quite JSON, such as half a surrogate pair,
stands under `text`, as a string.
"""

from __future__ import annotations

import os
import re
import time

from mcp_models.client.tapes.errors import TapeError
from mcp_models.servers.core import __version__
from mcp_models.servers.core.redaction import redact_keys, redact_record
from mcp_models.servers.core.transport import json_codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Literal, TypeAlias

    Source: TypeAlias = Literal["client", "server"]

VERSION = 1

_HEAD = 4096
"""Within how many bytes a tape's first header begins."""


class TapeLine:
    """Something that was said in a session.

    Args:
        number: The number of the line in the file, from 1.
        session: The session's name in this file.
        seconds: When it was said, in seconds since the session began.
        source: Who said it.
        raw: The line as it passed, without its newline.
        message: The message. None if the line was not JSON.
        not_sent: Arguments that a model could not send, because its server's tool does not accept them.
    """

    def __init__(
        self, number: int, session: str, seconds: float, source: str, raw: bytes, message: Any, not_sent: list[str]
    ) -> None:
        self.number, self.session, self.seconds, self.source = number, session, seconds, source
        self.raw, self.message, self.not_sent = raw, message, not_sent


class Tape:
    """What a file holds.

    Attributes:
        headers: The headers of its sessions, by the session's name, in the order of the file.
        lines: What was said, in the order of the file.
        exits: The exit code of each session's server, for sessions that have ended.
        skipped: The numbers of the lines that make no sense. A torn last line, as a crash leaves it, does not count.
    """

    def __init__(self) -> None:
        self.headers: dict[str, dict[str, Any]] = {}
        self.lines: list[TapeLine] = []
        self.exits: dict[str, int] = {}
        self.skipped: list[int] = []


def read_tape(path: str | os.PathLike[str]) -> Tape:
    """Read a tape.

    Raises:
        TapeError: The file cannot be read, or is not a tape that this version understands.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise TapeError(f"cannot read the tape {os.fspath(path)!r}: {error.strerror}") from None
    import msgspec

    decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    tape = Tape()
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            _add(tape, number, line, {name: bytes(value) for name, value in decode(line).items()})
        except (ValueError, TypeError, KeyError, RecursionError):
            if number < len(lines):
                tape.skipped.append(number)
    if not tape.headers:
        raise TapeError(f'{os.fspath(path)!r} is not a tape: it has no line with `"tape": {VERSION}`')
    return tape


def _add(tape: Tape, number: int, line: bytes, fields: Mapping[str, bytes]) -> None:
    """Add a line to what a tape holds.

    Raises:
        TapeError: A newer version has written it.
        ValueError, TypeError, KeyError: It makes no sense.
    """
    session = str(json_codec.decode(fields["session"]))
    if "tape" in fields:
        header = {name: json_codec.decode(value) for name, value in fields.items()}
        if not isinstance(header["tape"], int) or header["tape"] > VERSION:
            raise TapeError(f"a newer version of mcp-models has written line {number}: install that one to read the tape")
        tape.headers[session] = header
    elif "exit" in fields:
        tape.exits[session] = int(json_codec.decode(fields["exit"]))
    else:
        seconds, source = float(json_codec.decode(fields["t"])), str(json_codec.decode(fields["from"]))
        not_sent = json_codec.decode(fields.get("not_sent", b"[]"))
        if "message" in fields:
            raw, message = _exact(line, fields["message"]), json_codec.decode(fields["message"])
        else:
            raw = str(json_codec.decode(fields["text"])).encode()
            message = _json_of(raw)
        tape.lines.append(TapeLine(number, session, seconds, source, raw, message, not_sent))


def _exact(line: bytes, message: bytes) -> bytes:
    """Return a message with the white space around it, which decoding drops. A server on Windows may end its lines with it."""
    exact = line.partition(b'"message":')[2].removesuffix(b"}")
    return exact if exact.strip() == message else message


def _json_of(raw: bytes) -> Any:
    """Return the message in a line that could not stand on the tape as JSON, or None if it is none."""
    try:
        return json_codec.decode(raw)
    except ValueError:
        return None


class TapeWriter:
    """Write one session to the end of a tape, each line with a single write.

    Several sessions can be written at the same time, by any number of processes: their lines take turns.

    Args:
        path: The file. It is created if it does not exist.
        about: What to say in the session's header.
        alone: Whether nobody else may write to the file meanwhile.
        anew: Whether to remove the sessions that the file has. This needs `alone`.

    Attributes:
        session: The session's name in the file.
        started: When it began, on the clock of `time.monotonic`.

    Raises:
        OSError: The file cannot be opened or written.
        TapeError: Another session is being written, and one of the two wants to be alone. Or the file is not a tape.
    """

    def __init__(
        self, path: str | os.PathLike[str], about: Mapping[str, Any], *, alone: bool = False, anew: bool = False
    ) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self.session = os.urandom(4).hex()
        self._is_torn = False
        self._descriptor = os.open(path, flags, 0o600)
        try:
            if not _lock(self._descriptor, alone):
                raise TapeError(f"{os.fspath(path)!r} is being written by another session: give this one a tape of its own")
            if not _may_be_tape(self._descriptor):
                raise TapeError(f"{os.fspath(path)!r} is there and is not a tape: name another file")
            if anew:
                os.ftruncate(self._descriptor, 0)
            elif _is_torn(self._descriptor):
                self._write(b"\n")
            started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self.started = time.monotonic()
            header = {"session": self.session, "started": started, "by": f"mcp-models {__version__}", **about}
            self._write(json_codec.encode({"tape": VERSION, **redact_record(header, redact_keys)}))
        except BaseException:
            os.close(self._descriptor)
            raise

    def write(self, source: Source, raw: bytes, moment: float | None = None, not_sent: list[str] | None = None) -> None:
        """Write what was said, without its secrets.

        Args:
            source: Who said it.
            raw: The line, without its newline.
            moment: When it was said, on the clock of `time.monotonic`. None means now.
            not_sent: Arguments that a model could not send.

        Raises:
            OSError: The file cannot be written.
        """
        seconds = max(0.0, (time.monotonic() if moment is None else moment) - self.started)
        field, content = _without_secrets(raw)
        more = b"" if not not_sent else b',"not_sent":' + json_codec.encode(not_sent).strip()
        head = b'{"t":%.6f,"session":"%s","from":"%s"' % (seconds, self.session.encode(), source.encode())
        self._write(b'%s%s,"%s":%s}\n' % (head, more, field, content))

    def end(self, exit_code: int) -> None:
        """Write that the session has ended, with the server's exit code.

        Raises:
            OSError: The file cannot be written.
        """
        seconds = time.monotonic() - self.started
        self._write(b'{"t":%.6f,"session":"%s","exit":%d}\n' % (seconds, self.session.encode(), exit_code))

    def close(self) -> None:
        """Close the file, and let others write to it."""
        os.close(self._descriptor)

    def _write(self, line: bytes) -> None:
        rest = memoryview(b"\n" + line if self._is_torn else line)
        while rest:
            written = os.write(self._descriptor, rest)  # at the second time it raises what kept the rest from being written
            self._is_torn = written < len(rest)
            rest = rest[written:]


def _without_secrets(raw: bytes) -> tuple[bytes, bytes]:
    """Return the field for a line, and its content as JSON: the line itself, unless there is a secret in it."""
    try:
        value = json_codec.decode(raw)
        text = raw.decode()
    except ValueError:
        return b"text", json_codec.encode(redact_keys(raw.decode("utf-8", "replace"))).strip()
    if b"\\" in raw or redact_keys(text) != text:  # something may hide behind an escape
        clean = redact_record(value, redact_keys)
        if clean != value or any(redact_keys(each) != each for each in _strings(raw)):
            return b"message", json_codec.encode(clean).strip()
    return (b"message", raw) if _is_plain(raw) else (b"text", json_codec.encode(text).strip())


def _strings(raw: bytes) -> Iterator[str]:
    """Yield every string in a line of JSON, also those of a name that stands there twice, of which decoding keeps one."""
    for found in re.finditer(rb'"[^"\\]*(?:\\.[^"\\]*)*"', raw):
        yield json_codec.decode(found[0])


def _is_plain(raw: bytes) -> bool:
    """Return whether a line of JSON can be a part of a tape's line. With a mark of byte order or half a pair it can not."""
    if not raw.startswith(b"\xef") and b"\\ud" not in raw.lower():
        return True
    import msgspec

    try:
        msgspec.json.decode(b"[%s]" % raw, type=list[msgspec.Raw])
    except ValueError:
        return False
    return True


def _may_be_tape(descriptor: int) -> bool:
    """Return whether a file is empty, or begins as a tape does, maybe torn in its first line. Others are not written to."""
    if os.fstat(descriptor).st_size == 0:
        return True
    os.lseek(descriptor, 0, os.SEEK_SET)
    start = os.read(descriptor, _HEAD)
    return b'"tape"' in start or b'{"tape"'.startswith(start)


def _is_torn(descriptor: int) -> bool:
    """Return whether the file's last line has no newline, as a crash leaves it."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size == 0:
        return False
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) != b"\n"


def _lock(descriptor: int, alone: bool) -> bool:
    """Lock the file until it is closed, and return whether that was possible. Windows has no such lock: there it is True."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
