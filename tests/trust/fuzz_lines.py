"""Make up lines with hypothesis: calls, requests of both eras, notifications, answers, and what is none of these.

`@ID@` in a line stands for a number that no earlier line had, and `@PREVIOUS@` for the number before that.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.peer import MODERN_META

Batch = list[bytes]

SCALARS: SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(
        ["", "a", "é", "𝒳", "\u2028", "\x00", "\x1b[31m", "{}", "[]", "1", "null", "x" * 5000, 2**70, -1, 0, 1e308]
    ),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "id", "type", "é"]), inner, max_size=3),
    max_leaves=4,
)

_NAMES = ["prompt", "messages", "system", "model", "max_tokens", "temperature", "top_p", "stop", "seed", "reasoning_effort",
          "response_schema", "timeout", "promt", ""]  # fmt: skip
_MODELS = ["echo", "echo-slow-0.01", "echo-slow-nan", "echo-empty", "echo-max_tokens", "echo-error-rate_limit", "nope", "gpt-x"]
_METHODS = ["initialize", "ping", "tools/list", "tools/call", "server/discover", "notifications/initialized", "resources/list",
            "notifications/cancelled", "", "é", "tools/call "]  # fmt: skip
_TEXT = {"role": "user", "content": "hello"}
_SOUND: dict[str, list[Any]] = {
    "messages": [[_TEXT], [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], [], [{"role": "nobody"}]],
    "model": _MODELS,
    "max_tokens": [1, "2", 3.0, 0],
    "timeout": [5, "5", 0],
    "stop": ["END", ["END"], []],
    "response_schema": [{"type": "object"}, {"$ref": "#"}, {"type": 5}],
}

IDS = st.one_of(st.just("@ID@"), st.just("@ID@"), st.just("@ID@"), SCALARS, st.just([1]), st.just({}))


def _object(pairs: list[tuple[str, Any]]) -> str:
    """Write an object, in which a name may stand more than once."""
    return "{" + ", ".join(f"{json.dumps(name)}: {_written(value)}" for name, value in pairs) + "}"


def _written(value: Any) -> str:
    text = json.dumps(value)
    return text.replace('"@ID@"', "@ID@").replace('"@PREVIOUS@"', "@PREVIOUS@")


_ARGUMENTS = st.lists(
    st.sampled_from(_NAMES).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(_SOUND[name]) | VALUES if name in _SOUND else VALUES)
    ),
    max_size=3,
).map(lambda pairs: {"prompt": "one two three", **dict(pairs)})

_META: SearchStrategy[Any] = st.sampled_from(
    [{}, {"progressToken": "t"}, {"progressToken": 5, "mcp-models/stream": True}, {"progressToken": []}, MODERN_META,
     {**MODERN_META, "progressToken": "m"}, {**MODERN_META, "io.modelcontextprotocol/protocolVersion": "1999"}, 5, None, "x"]
)  # fmt: skip

_TOOLS = st.sampled_from(["complete", "complete", "list_models", "execute_task", "nope", 5])
_CALLS = st.tuples(IDS, _TOOLS, _ARGUMENTS, _META).map(
    lambda drawn: _object([
        ("jsonrpc", "2.0"), ("id", drawn[0]), ("method", "tools/call"),
        ("params", {"name": drawn[1], "arguments": drawn[2], "_meta": drawn[3]}),
    ])
)  # fmt: skip

_REQUESTS = st.tuples(
    st.sampled_from(["2.0", "2.0", "2.0", "1.0", 2]),
    IDS,
    st.sampled_from(_METHODS),
    st.one_of(st.just({}), _META.map(lambda meta: {"_meta": meta, "protocolVersion": "2025-06-18"}), VALUES),
).map(lambda drawn: _object(list(zip(("jsonrpc", "id", "method", "params"), drawn, strict=True))))

_CANCELLATIONS = st.one_of(st.just("@PREVIOUS@"), SCALARS).map(
    lambda which: _object([("jsonrpc", "2.0"), ("method", "notifications/cancelled"), ("params", {"requestId": which})])
)

_SHAPES = st.lists(
    st.tuples(st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error"]), VALUES | st.just("2.0") | IDS),
    max_size=5,
).map(_object)

_NONSENSE: SearchStrategy[bytes] = st.one_of(
    st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [
            b"",
            b" ",
            b"\r",
            b"[" * 3000,
            b'{"a":' * 3000,
            b"NaN",
            b"1" * 5000,
            b"\xff\xfe",
            b"\xef\xbb\xbf{}",
            b'"\\ud800"',
            b"\x00",
        ]
    ),
)

_SOUND_LINES = st.one_of(_CALLS, _CALLS, _REQUESTS, _REQUESTS, _CANCELLATIONS, _SHAPES).map(str.encode)


def _damaged(line: bytes, place: int, with_what: bytes, kind: int) -> bytes:
    """Cut a line off, put something into it, or replace a byte. Most lines are left as they are."""
    place %= len(line) + 1
    if kind == 0:
        return line[:place]
    if kind == 1:
        return line[:place] + with_what + line[place:]
    return line[:place] + with_what + line[place + 1 :] if kind == 2 else line


_INTO = st.sampled_from([b"\xff", b"\xe2\x80\xa8", b"\\ud83d", b'"', b"{", b"}", b",", b"\x00", b" ", b"1e999", b"\\", b"\xc3"])
_DAMAGED = st.builds(_damaged, _SOUND_LINES, st.integers(0, 500), _INTO, st.integers(0, 9))

LINES: SearchStrategy[bytes] = st.one_of(_DAMAGED, _DAMAGED, _DAMAGED, _NONSENSE)
"""A line for a server."""

_RESULTS: SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [{"content": [{"type": "text", "text": "hi"}]}, {"content": []}, {"content": [5]}, {"content": [{"type": "text"}]}, {},
         {"content": [], "isError": True}, {"content": [], "isError": "x", "_meta": 5}, {"resultType": "x"}, {"resultType": {}},
         {"content": [{"type": "text", "text": "x"}], "_meta": {"mcp-models/completion": {"model": 5, "dropped_params": 7}}},
         {"content": [], "_meta": {"mcp-models/completion": {}}},
         {"content": [], "isError": True, "_meta": {"mcp-models/error": {"message": [], "type": 5, "retryable": "x"}}}]
    ),
    VALUES,
)  # fmt: skip
_ANSWERS = st.tuples(IDS, st.sampled_from(["result", "error"]), _RESULTS).map(
    lambda drawn: _object([("jsonrpc", "2.0"), ("id", drawn[0]), (drawn[1], drawn[2])])
)
_DELTAS = st.one_of(st.none(), VALUES, st.just({"mcp-models/delta": "x"}), st.just({"mcp-models/delta": 5}))
_PROGRESS = st.tuples(IDS, VALUES, _DELTAS).map(
    lambda drawn: _object([
        ("jsonrpc", "2.0"), ("method", "notifications/progress"),
        ("params", {"progressToken": drawn[0], "progress": drawn[1], "_meta": drawn[2]}),
    ])
)  # fmt: skip
_DAMAGED_ANSWERS = st.builds(
    _damaged, st.one_of(_ANSWERS, _PROGRESS, _REQUESTS, _SHAPES).map(str.encode), st.integers(0, 500), _INTO, st.integers(0, 19)
)

HOSTILE_LINES: SearchStrategy[bytes] = st.one_of(_DAMAGED_ANSWERS, _DAMAGED_ANSWERS, _DAMAGED_ANSWERS, _NONSENSE)
"""A line that a hostile server writes to the bridge. `@ID@` is the id of the call."""


def batches(lines: SearchStrategy[bytes], size: int) -> SearchStrategy[Batch]:
    """Return a strategy for lists of this many lines."""
    return st.lists(lines, min_size=size, max_size=size)
