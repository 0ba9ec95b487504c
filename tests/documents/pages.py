"""Insert the generated parts into the pages, between marks such as `<!-- imports -->` and `<!-- /imports -->`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.checkout import ROOT
from tests.documents import imports, limits, presets, usage, variables, waiting
from tests.published import registry

PAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "limits": ("docs/limits.md", limits.table),
    "mcp-names": ("README.md", registry.marks),
    "imports": ("docs/architecture.md", imports.picture),
    "presets": ("docs/providers.md", presets.table),
    "usage": ("docs/usage.md", usage.output),
    "waiting": ("docs/tasks.md", waiting.table),
    "variables": ("docs/environment.md", variables.table),
}


def page(name: str) -> Path:
    """Return the path of the page that a part belongs to."""
    return ROOT / PAGES[name][0]


def written(name: str) -> str:
    """Return the page's text, with its part generated from the present code."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = page(name).read_text(encoding="utf-8").partition(start)
    _, found, after = rest.partition(end)
    assert found, f"{page(name).name} has no {start.strip()} … {end}"
    return f"{before}{start}\n{PAGES[name][1]().strip()}\n\n{end}{after}"
