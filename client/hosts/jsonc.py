"""Edit JSON that may have comments and trailing commas, changing only the bytes of one entry.

No library does this. Those that accept comments rewrite the whole file. So we find the position of a value in the text, and
insert or cut text there. The caller checks the result with `load`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r'(?P<blank>[ \t\r\n]+|\A\ufeff)|(?P<comment>//[^\r\n]*|/\*.*?\*/)|(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")'
    r"|(?P<mark>[{}\[\],:])|(?P<word>[-+.\w]+)",
    re.DOTALL,
)
_COMMENT_TO_THE_LINES_END = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/[ \t]*(?=[\r\n]))")


class Unreadable(ValueError):
    """The text is not valid, or is written in a way that cannot be edited. The message says why."""


@dataclass
class Member:
    """The positions of a key and its value in an object. `comma` is the position of the comma after the value."""

    name: str
    start: int
    value: int
    end: int
    comma: int | None = None


@dataclass
class Obj:
    """An object: the positions of its braces, and its members."""

    start: int
    end: int
    members: list[Member]

    def find(self, name: str) -> Member | None:
        """Return the member with this name, or None.

        Raises:
            Unreadable: There are several. Programs differ in which one they use.
        """
        found = [member for member in self.members if member.name == name]
        if len(found) > 1:
            raise Unreadable(f'the key "{name}" is there more than once')
        return found[0] if found else None


class Repeated(tuple[Any, ...]):
    """The values of a key that occurs more than once in an object."""

    __slots__ = ()


def _tokens(text: str, at: int = 0) -> Iterator[re.Match[str]]:
    """Yield the tokens from a position on: words, marks, strings, comments and blanks.

    Raises:
        Unreadable: Some text is none of these.
    """
    for match in _TOKEN.finditer(text, at):
        if match.start() != at:
            break
        yield match
        at = match.end()
    if at != len(text):
        raise Unreadable(f"line {text.count(chr(10), 0, at) + 1} is not JSON")


def _plain(text: str) -> str:
    """Replace every character of a comment and every trailing comma by a blank, so that positions stay the same."""
    out, comma = list(text), None
    for token in _tokens(text):
        start, end = token.span()
        if token.lastgroup == "comment":
            out[start:end] = " " * (end - start)
        elif token.lastgroup != "blank":
            if comma is not None and text[start] in "}]":
                out[comma] = " "
            comma = start if text[start] == "," else None
    return "".join(out).replace("\ufeff", " ", 1) if text.startswith("\ufeff") else "".join(out)


def load(text: str) -> Any:
    """Parse a text. Return None if it holds no value. The values of a repeated key are all kept, as `Repeated`.

    Raises:
        Unreadable: The text is not JSON, even without its comments and trailing commas.
    """

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in pairs:
            before = values.get(key)
            values[key] = (
                Repeated((*before, value) if isinstance(before, Repeated) else (before, value)) if key in values else value
            )
        return values

    def refuse(name: str) -> Any:
        raise Unreadable(f"{name} is no JSON")

    def read(plain: str) -> Any:
        return json.loads(plain, object_pairs_hook=collect, parse_constant=refuse)

    try:
        with contextlib.suppress(json.JSONDecodeError):
            return read(text)  # most files have no comments, and then this is enough
        plain = _plain(text)
        return read(plain) if plain.strip(" \t\r\n") else None
    except json.JSONDecodeError as error:
        raise Unreadable(f"line {error.lineno} is not JSON: {error.msg}") from None
    except Unreadable:
        raise
    except (ValueError, RecursionError):
        raise Unreadable("it is nested too deeply, or a number is too long") from None


def render(value: dict[str, Any]) -> str:
    """Return a value as the text of a whole file."""
    return _rendered(value, "  ", "", "\n") + "\n"


def features(text: str) -> set[str]:
    """Return what the text has that strict JSON forbids: "comments", "trailing commas", "a byte order mark"."""
    words = [token.group() for token in _tokens(text) if token.lastgroup not in ("blank", "comment")]
    found = {"comments"} if any(token.lastgroup == "comment" for token in _tokens(text)) else set()
    if text.startswith("\ufeff"):
        found.add("a byte order mark")
    trailing = any(word == "," and after in ("}", "]") for word, after in itertools.pairwise(words))
    return found | ({"trailing commas"} if trailing else set())


def _object_at(text: str, at: int) -> Obj | None:
    """Return the object that begins at or after a position, or None if another value begins there."""
    depth, found, member, awaits_key = 0, None, Member("", 0, 0, 0), True
    for token in _tokens(text, at):
        if token.lastgroup in ("blank", "comment"):
            continue
        start, mark = token.start(), token.group("mark")
        if found is None:
            if mark != "{":
                return None
            found, depth = Obj(start, -1, []), 1
        elif depth == 1 and mark == "}":
            found.end = start
            return found
        elif depth == 1 and mark == ",":
            member.comma, awaits_key = start, True
        elif depth == 1 and mark == ":":
            awaits_key = False
        elif depth == 1 and awaits_key:
            member = Member(json.loads(token.group()), start, -1, -1)
            found.members.append(member)
        else:
            if depth == 1:
                member.value = start
            if mark in ("{", "["):
                depth += 1
            elif mark in ("}", "]"):
                depth -= 1
            member.end = token.end()
    return None


def put(text: str, path: Sequence[str], value: Any) -> str:
    """Set the value at a path of keys, and return the new text. Missing objects on the path are added.

    Raises:
        Unreadable: The text is not JSON, or something on the path is not an object.
    """
    if load(text) is None:
        newline = _newline(text)
        start = text + (newline if text.strip("\ufeff") and not text.endswith(("\n", "\r")) else "")
        nested = _nested(path, value)
        return start + _rendered(nested, "  ", "", newline) + newline
    member = Member("", 0, 0, len(text))  # treat the whole text as the value of a key
    for depth, key in enumerate(path):
        obj = _object_at(text, member.value)
        if obj is None:
            where = ".".join(path[:depth]) or "the whole of it"
            raise Unreadable(f"expected an object in {where}")
        found = obj.find(key)
        if found is None:
            return _insert(text, obj, key, _nested(path[depth + 1 :], value))
        member = found
    indent, old = _indent_of_line(text, member.start), text[member.value : member.end]
    unit = _unit(text) if "\n" in old or "\r" in old else None
    return text[: member.value] + _rendered(value, unit, indent, _newline(text)) + text[member.end :]


def remove(text: str, path: Sequence[str]) -> str:
    """Remove the member at a path of keys, and return the new text. If it is not there, the text stays the same.

    Raises:
        Unreadable: As in `put`.
    """
    at = 0
    if load(text) is None:
        return text
    for depth, key in enumerate(path):
        obj = _object_at(text, at)
        member = obj.find(key) if obj else None
        if obj is None or member is None:
            return text
        if depth == len(path) - 1:
            return _cut(text, obj, obj.members.index(member))
        at = member.value
    return text


def is_empty(text: str, path: Sequence[str]) -> bool:
    """Return whether there is an object at this path that contains neither members nor comments."""
    obj = None if load(text) is None else _object_at(text, 0)
    for key in path:
        member = obj.find(key) if obj else None
        if member is None:
            return False
        obj = _object_at(text, member.value)
    return obj is not None and not obj.members and not text[obj.start + 1 : obj.end].strip()


def _insert(text: str, obj: Obj, key: str, value: Any) -> str:
    """Insert a member after an object's last one, in the same layout."""
    newline, unit = _newline(text), _unit(text)
    if not obj.members:
        inner = text[obj.start + 1 : obj.end]
        outer = _indent_of_line(text, obj.start)
        place = obj.start + 1 + len(inner.rstrip()) if inner.strip() else obj.start + 1
        member = f"{newline}{outer}{unit}{_member(key, value, unit, outer + unit, newline)}"
        closes = "\n" in text[place : obj.end] or "\r" in text[place : obj.end]
        return text[:place] + member + ("" if closes else newline + outer) + text[place:]
    last = obj.members[-1]
    behind = last.comma + 1 if last.comma is not None else last.end
    comment = _COMMENT_TO_THE_LINES_END.match(text, behind)
    place = comment.end() if comment else behind
    indent = _own_line_indent(text, last.start)
    if indent is None and comment is None:
        member = f" {_member(key, value, None, '', newline)}"
    else:
        indent = _indent_of_line(text, last.start) if indent is None else indent
        member = f"{newline}{indent}{_member(key, value, unit, indent, newline)}"
    if last.comma is not None:
        return text[:place] + member + "," + text[place:]
    return text[: last.end] + "," + text[last.end : place] + member + text[place:]


def _cut(text: str, obj: Obj, index: int) -> str:
    """Cut a member out, together with its comma, or the previous one if it is not needed any more, and its line."""
    member = obj.members[index]
    *_, ahead = (token for token in _tokens(text[: member.start]) if token.lastgroup != "blank")
    before, blank = text[: ahead.end()], text[ahead.end() : member.start]
    rest = text[member.comma + 1 if member.comma is not None else member.end :]
    follows = rest.lstrip(" \t")[:1]
    needs_its_line = follows == '"' or (follows not in ("", "\n", "\r") and ahead.group().startswith("//"))
    if needs_its_line and ("\n" in blank or "\r" in blank):  # whatever follows on the same line moves up to this place
        before, rest = before + blank, rest.lstrip(" \t")
    if member.comma is None and index:
        comma = obj.members[index - 1].comma
        assert comma is not None
        before = before[:comma] + before[comma + 1 :]
    return before + rest


def _nested(path: Sequence[str], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _member(key: str, value: Any, unit: str | None, indent: str, newline: str) -> str:
    return f"{json.dumps(key, ensure_ascii=False)}: {_rendered(value, unit, indent, newline)}"


def _rendered(value: Any, unit: str | None, indent: str, newline: str) -> str:
    """Return a value as JSON, with objects on several lines and arrays on one. If `unit` is None, use one line for all."""
    if unit is None or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + unit
    members = [f"{inner}{_member(key, item, unit, inner, newline)}" for key, item in value.items()]
    return "{" + newline + f",{newline}".join(members) + newline + indent + "}"


def _newline(text: str) -> str:
    found = re.search(r"\r\n|\n|\r", text)
    return found.group() if found else "\n"


def _unit(text: str) -> str:
    """Return the file's indentation: that of the first member of the outermost object, or two blanks."""
    root = _object_at(text, 0)
    indent = _own_line_indent(text, root.members[0].start) if root and root.members else None
    return indent or "  "


def _own_line_indent(text: str, at: int) -> str | None:
    """Return the blanks before a position, or None if something else comes before it on its line."""
    start = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    return text[start:at] if start and not text[start:at].strip(" \t") else None


def _indent_of_line(text: str, at: int) -> str:
    """Return the blanks at the beginning of the line that a position is on."""
    start = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    return text[start : start + len(text[start:at]) - len(text[start:at].lstrip(" \t"))]
