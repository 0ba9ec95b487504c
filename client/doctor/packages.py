"""Compare the installed version of a package with the versions that this distribution asks for."""

from __future__ import annotations

import re
from importlib import metadata

DISTRIBUTION = "mcp-models"


def version(package: str) -> str | None:
    """Return the installed version of a package, or None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def fits(package: str, installed: str) -> bool:
    """Return whether a version is within the bounds that our own metadata has for the package."""
    number = _number(installed)
    for clause in re.findall(r"(>=|<)\s*([\d.]+)", _requirement(package)):
        bound = _number(clause[1])
        if (number >= bound) is (clause[0] == "<"):
            return False
    return True


def _requirement(package: str) -> str:
    """Return the bounds, such as `<4,>=3.54`. Empty if there are none."""
    for line in metadata.requires(DISTRIBUTION) or ():
        if re.match(rf"{re.escape(package)}\b(?!-)", line):
            return line.partition(";")[0]
    return ""


def _number(text: str) -> tuple[int, ...]:
    """Return the release part of a version as numbers that can be compared. What follows it, such as `rc1`, is left out."""
    found = re.match(r"\d+(\.\d+)*", text)
    numbers = [int(part) for part in found.group().split(".")] if found else [0]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
