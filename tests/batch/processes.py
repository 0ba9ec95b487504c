"""Look at a program's processes as Linux shows them: which there are, and how much memory they take."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so, and return whether it is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.01)
    return False


def descendants(program: int) -> list[int]:
    """Return the processes below a program."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (stat := read(int(entry.name), "stat")):
            parents[int(entry.name)] = int(stat.rpartition(b")")[2].split()[1])
    found: list[int] = []
    below = {program}
    while below := {pid for pid, parent in parents.items() if parent in below}:
        found += below
    return found


def memory(program: int) -> int:
    """Return the memory of a program and all below it in MB. What they share is counted once."""
    return sum(map(_share, [program, *descendants(program)])) // 1024


def read(pid: int, name: str) -> bytes:
    """Return what the system says of a process, or nothing if it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _share(pid: int) -> int:
    return next((int(line.split()[1]) for line in read(pid, "smaps_rollup").splitlines() if line.startswith(b"Pss:")), 0)
