"""Decode a line of JSON, and encode any value as one.

Input may contain lone surrogates, `NaN` or numbers beyond all bounds. Output is always valid JSON in UTF-8 on a single line,
even for readers that take U+2028 for a line break. Before `use_msgspec` is called, the standard library's `json` does all the
work. After that, it handles only what msgspec refuses.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

_BOM = b"\xef\xbb\xbf"
_KINDS: dict[type, str] = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def use_msgspec(*, encoding: bool) -> None:
    """Switch to msgspec, which is 5 to 12 times as fast. Its import takes longer than a handshake, so call this afterwards.

    Args:
        encoding: Whether to encode with it as well. Only do this where all values are our own, as msgspec also accepts types
            that JSON lacks, such as bytes and dates.
    """
    global _fast_decode, _fast_encode
    import msgspec.json

    _fast_decode = msgspec.json.Decoder().decode
    if encoding:
        _fast_encode = msgspec.json.Encoder().encode


def decode(line: bytes) -> Any:
    """Decode a line of JSON. Lone surrogates are replaced by U+FFFD.

    Raises:
        ValueError: The line is not valid JSON in UTF-8.
    """
    if _fast_decode is not None:
        try:
            return _fast_decode(line)
        except (ValueError, RecursionError):
            pass  # `json` below either repairs it or explains what is wrong
    try:
        value = _decoder.decode(line.removeprefix(_BOM).decode())
        # A surrogate can only get past the UTF-8 decoder as an escape such as \ud800.
        return mend(value) if b"\\ud" in line or b"\\uD" in line else value
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF-8 at byte {error.start}") from None


def encode(value: Any) -> bytes:
    """Encode a value as one line of JSON, with its newline. Numbers that JSON cannot represent become null."""
    line = _encoded(value)
    if b"\xe2\x80" in line:
        line = line.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return line + b"\n"


def mend(value: Any) -> Any:
    """Repair a JSON value: pair or replace surrogates, and replace NaN and infinities by None."""
    if isinstance(value, str):
        return _mend_text(value)
    if isinstance(value, list):
        return [mend(item) for item in value]
    if isinstance(value, dict):
        return {_mend_text(key): mend(item) for key, item in value.items()}
    if isinstance(value, float) and value - value != 0:  # true for NaN and the infinities, and saves importing math
        return None
    return value


def kind(value: Any) -> str:
    """Return JSON's name for a value's type."""
    return _KINDS.get(type(value), "null")


def _encoded(value: Any) -> bytes:
    if _fast_encode is not None:
        try:
            return _fast_encode(value)
        except (UnicodeEncodeError, TypeError):
            pass  # a lone surrogate, which is repaired below, or a type that only `json` accepts
    try:
        text = _encoder.encode(value)
    except ValueError:
        text = _encoder.encode(mend(value))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _mend_text(text).encode()


def _mend_text(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_fast_decode: Callable[[bytes], Any] | None = None
_fast_encode: Callable[[Any], bytes] | None = None
_decoder = json.JSONDecoder(parse_constant=_no_constant)
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
