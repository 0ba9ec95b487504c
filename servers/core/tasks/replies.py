"""Write the sentences that the caller's model reads instead of an answer or under it, and cut a long answer into parts."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from mcp_models.servers.core.protocol import META_COMPLETION, META_ERROR

if TYPE_CHECKING:
    from mcp_models.servers.core.tasks.store import Result, Task

META_TASK = "mcp-models/task"
"""The `_meta` key that holds a task's id and state for programs."""

_JOINER = "\u200d"
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_SKIN_COLOURS = "".join(map(chr, range(0x1F3FB, 0x1F400)))
_LONGEST_CHARACTER = 32
"""Of how many code points a reader's character is made at most. More are cut."""

_LOOK_BACK = 0.2
"""Which share of a part may be given up to end it at a paragraph, a line or a word."""


def still_working(task: Task, tool: str) -> Result:
    """Return the result for a caller whose host will not wait any longer, or who asked for a background task.

    Args:
        task: The task at work.
        tool: The name of the tool that collects the answer.
    """
    seconds, characters = round(task.seconds), task.characters
    so_far = f"{_count(seconds, 'second')} and {_count(characters, 'character')} so far"
    how = f'Call `{tool}` with `task_id: "{task.id}"` and nothing else to go on waiting.'
    text = f"Still working: {so_far}. The work goes on in the server. {how}"
    record = {"task_id": task.id, "status": "working", "seconds": seconds, "characters": characters}
    return {"content": [{"type": "text", "text": text}], "isError": False, "_meta": {META_TASK: record}}


def with_note(result: Result, note: str) -> Result:
    """Return an answer with one more note in the block for the caller's model.

    Several hosts show nothing but `structuredContent` if there is any. So it moves into the record.
    """
    answer, *notes = result["content"]
    text = f"{notes[0]['text'].removesuffix(']')} {note}]" if notes else f"\n\n[{note}]"
    block = {"type": "text", "text": text, "annotations": {"audience": ["assistant"]}}
    changed = {**result, "content": [answer, block, *notes[1:]]}
    if "structuredContent" in changed:
        record = {**result["_meta"][META_COMPLETION], "structured": changed.pop("structuredContent")}
        changed["_meta"] = {**result["_meta"], META_COMPLETION: record}
    return changed


def with_way_out(result: Result) -> Result:
    """Return a refusal of files with what helps if it is one of an earlier turn: it may have been moved since."""
    details, (block, *others) = result["_meta"][META_ERROR], result["content"]
    if "files: " not in details["message"]:
        return result
    text = f"{block['text']} The files of this conversation's earlier turns are read again: `files: []` leaves them out."
    meta = {**result["_meta"], META_ERROR: {**details, "message": text}}
    return {**result, "content": [{**block, "text": text}, *others], "_meta": meta}


def text_of(result: Result) -> str:
    """Return the text of an answer."""
    text: str = result["content"][0]["text"]
    return text


def parts(text: str, most: int | None) -> list[str]:
    """Cut a text into parts of at most `most` characters, at a paragraph, a line or a word where there is one near."""
    cut: list[str] = []
    start = 0
    while most is not None and len(text) - start > most:
        end = _place(text, start, start + most)
        cut.append(text[start:end])
        start = end
    return [*cut, text[start:]]


def part_of(result: Result, pieces: list[str], number: int, task: Task, tool: str) -> Result:
    """Return one part of an answer, with a note that says how to get the next one.

    Args:
        result: The whole answer.
        pieces: The text's parts.
        number: Which one, counted from 1.
        task: The task that keeps the answer.
        tool: The name of the tool that returns the other parts.
    """
    answer, *notes = result["content"]
    piece = {**answer, "text": pieces[number - 1]}
    where = f"This is part {number} of {len(pieces)} of a long answer"
    more = f': call `{tool}` with `task_id: "{task.id}", part: {number + 1}` for the next.' if number < len(pieces) else "."
    cut = with_note({**result, "content": [piece, *notes]}, where + more)
    record = {"task_id": task.id, "status": "completed", "part": number, "parts": len(pieces)}
    return {**cut, "_meta": {**cut["_meta"], META_TASK: record}}


def _place(text: str, start: int, end: int) -> int:
    earliest = end - int((end - start) * _LOOK_BACK)
    for mark in ("\n\n", "\n", " "):
        if (found := text.rfind(mark, earliest, end)) > 0:
            return found + len(mark)
    return next((place for place in range(end, max(earliest, end - _LONGEST_CHARACTER), -1) if _is_between(text, place)), end)


def _is_between(text: str, place: int) -> bool:
    """Return whether a place is between two characters as a reader counts them, not before an accent or within an emoji."""
    before, after = text[place - 1], text[place]
    if before == _JOINER or after == _JOINER or (before, after) == ("\r", "\n"):
        return False
    is_flag = before in _FLAG_LETTERS and after in _FLAG_LETTERS
    return not is_flag and after not in _SKIN_COLOURS and unicodedata.category(after)[0] != "M"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
