"""Choose from requirements.lock what a server needs: the versions, and for the image the hashes, that the tests run with."""

from __future__ import annotations

import functools
import importlib.metadata
import re
from collections.abc import Iterable, Mapping

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.checkout import ROOT
from tests.published.product import NAME

Environment = Mapping[str, str]


@functools.cache
def locked() -> dict[str, list[str]]:
    """Return the entries of requirements.lock by the package's name, each as the file has it."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for entry in re.findall(r"^\S.*==.*(?:\n +--hash=.*)+", text, re.MULTILINE):
        found.setdefault(canonicalize_name(entry.partition("==")[0]), []).append(entry)
    return found


WINDOWS = {"os_name": "nt", "platform_system": "Windows", "sys_platform": "win32"}
MACOS = {"os_name": "posix", "platform_system": "Darwin", "sys_platform": "darwin"}
"""What markers say of other platforms."""


def needed(extras: Iterable[str], *others: Environment) -> list[str]:
    """Return the names of all packages that the distribution needs with these extras, sorted.

    What a package needs is read from the metadata of those that are installed here.

    Args:
        extras: The extras.
        others: What tells other platforms apart from this one, as markers name it. Packages for any of them are returned.
    """
    here = {name: str(value) for name, value in default_environment().items()}
    platforms = [here, *({**here, **other} for other in others)]
    found: set[tuple[str, str]] = set()
    waiting: list[tuple[str, str]] = [(canonicalize_name(NAME), extra) for extra in ("", *extras)]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        found.add(package)
        waiting += _requirements(*package, platforms)
    return sorted({name for name, _ in found} - {canonicalize_name(NAME)})


def _requirements(name: str, extra: str, platforms: list[dict[str, str]]) -> list[tuple[str, str]]:
    try:
        lines = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:  # only another platform has it
        return []
    wanted = [
        requirement
        for requirement in map(Requirement, lines)
        if requirement.marker is None or any(requirement.marker.evaluate({**one, "extra": extra}) for one in platforms)
    ]
    return [(canonicalize_name(one.name), further) for one in wanted for further in ("", *one.extras)]
