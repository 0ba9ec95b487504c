"""JSON on the wire: whatever comes in, valid JSON on one line goes out."""

from __future__ import annotations

import json

import pytest

from mcp_models.servers.core.transport import json_codec


@pytest.fixture(params=["json", "msgspec"], autouse=True)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with both libraries, which must give the same results."""
    monkeypatch.setattr(json_codec, "_fast_decode", None)
    monkeypatch.setattr(json_codec, "_fast_encode", None)
    if request.param == "msgspec":
        json_codec.use_msgspec(encoding=True)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"a": 1}\r\n', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"a\\ud800b"', "a\ufffdb"),
        (b'{"\\ud800": ["\\uDC00"]}', {"\ufffd": ["\ufffd"]}),
        ('"\u2028"'.encode(), "\u2028"),
        (b"18446744073709551617", 2**64 + 1),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"1e400", float("inf")),
    ],
)
def test_decode(line: bytes, value: object) -> None:
    assert json_codec.decode(line) == value


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"NaN",
        b"[Infinity]",
        b"\xff",
        b"[" * 50_000,
        b"[" * 50_000 + b'"\\ud800"' + b"]" * 50_000,
        b"9" * 5000,
        b'"\n"',
        b'"a" "b"',
    ],
)
def test_what_is_no_json_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_codec.decode(line)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "\U0001f600"),
        ({"x": [float("nan"), float("inf"), 1.5]}, {"x": [None, None, 1.5]}),
        ("line\u2028and\u2029paragraph\nnew\r", "line\u2028and\u2029paragraph\nnew\r"),
        ("\\\u2028", "\\\u2028"),
        ("é" * 10, "é" * 10),
        ([2**64 + 1, 1e22, 5e-324, True, None], [2**64 + 1, 1e22, 5e-324, True, None]),
    ],
)
def test_what_is_encoded_is_one_valid_line_for_every_reader(value: object, expected: object) -> None:
    line = json_codec.encode(value)
    assert json.loads(line) == expected
    assert line.decode().count("\n") == 1
    assert not set("\u2028\u2029") & set(line.decode())


def test_what_only_json_takes_is_encoded_too() -> None:
    class Word(str):
        pass

    assert json.loads(json_codec.encode({"a": Word("b"), None: 1})) == {"a": "b", "null": 1}


def test_msgspec_is_not_given_what_is_not_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """msgspec would silently send bytes as base64."""
    monkeypatch.setattr(json_codec, "_fast_encode", None)
    json_codec.use_msgspec(encoding=False)
    with pytest.raises(TypeError, match="bytes"):
        json_codec.encode({"prompt": b"hi"})


def test_a_large_text_passes_unharmed() -> None:
    text = "0123456789" * 2_000_000
    assert json_codec.decode(json_codec.encode({"text": text})) == {"text": text}


@pytest.mark.parametrize(
    ("value", "name"),
    [({}, "object"), ([], "array"), ("", "string"), (True, "boolean"), (1, "integer"), (1.5, "number"), (None, "null")],
)
def test_kinds_are_jsons(value: object, name: str) -> None:
    assert json_codec.kind(value) == name
