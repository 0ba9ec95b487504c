"""Compare the installed version of a package with the versions that this distribution asks for."""

from __future__ import annotations

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
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    asked = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or ()]
    bounds = [one.specifier for one in asked if canonicalize_name(one.name) == canonicalize_name(package)]
    return all(bound.contains(installed, prereleases=True) for bound in bounds)
