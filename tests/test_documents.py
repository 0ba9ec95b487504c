"""The documents: every link leads somewhere, and every Python example passes strict type checks as you would run it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkout import BIN, ROOT, network_environment

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub creates them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def targets(text: str) -> list[str]:
    """Return where a page's links and images lead: inline, with a title or without, by reference, and in HTML."""
    patterns = (r"\]\(<?([^)\s>]+)", r"^ {0,3}\[[^\]]+\]:\s+<?([^\s>]+)", r"""\b(?:src|href)=["']([^"']+)""")
    return [target for pattern in patterns for target in re.findall(pattern, text, re.MULTILINE)]


@pytest.mark.parametrize(
    "link",
    [
        "[x](gone.md)",
        '![x](gone.svg "title")',
        "[x](<gone.md>)",
        "[x][y]\n\n[y]: gone.md",
        '<img src="gone.svg">',
        "[x](gone.md#y)",
    ],
)
def test_a_link_is_found_however_it_is_written(link: str) -> None:
    assert [target.partition(".")[0] for target in targets(link)] == ["gone"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_its_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in targets(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{document.name} links to {target}"


def snippets() -> dict[str, str]:
    """Return the Python blocks of all documents, each as a separate file."""
    found = {}
    for document in DOCUMENTS:
        for number, block in enumerate(re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)):
            found[f"{document.stem.lower().replace('-', '_')}_{number}.py"] = block
    return found


@pytest.mark.slow
@pytest.mark.parametrize("program", ["mypy", "basedpyright"])
def test_every_piece_of_python_passes_a_strict_type_check(program: str, tmp_path: Path) -> None:
    for name, code in snippets().items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    arguments = {
        "mypy": ["--strict", "--cache-dir", str(tmp_path / "cache"), "--python-executable", sys.executable, "."],
        "basedpyright": ["--level", "error", "--pythonpath", sys.executable, "."],
    }
    done = subprocess.run(
        [str(BIN / program), *arguments[program]],
        cwd=tmp_path,
        env=network_environment(),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
