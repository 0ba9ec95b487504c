"""Build the documentation site: `python -m tests.documents.site [FOLDER]`, by default into `build/site`.

MkDocs runs in an environment of its own, which is made on first use from docs/site/requirements.lock. The site needs no network
to be built or read.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.checkout import ROOT, network_environment
from tests.installed import python

SITE = ROOT / "docs" / "site"
AT_THE_ROOT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")


def build(output: Path) -> str:
    """Build the site into a folder, strictly, and return what MkDocs says.

    Raises:
        RuntimeError: A page or a link is missing, or a docstring cannot be read.
    """
    interpreter = python(SITE / "requirements.lock")
    with tempfile.TemporaryDirectory() as folder:
        stage(Path(folder))
        command = [str(interpreter), "-m", "mkdocs", "build", "--strict", "--site-dir", str(output.resolve())]
        environment = network_environment(NO_MKDOCS_2_WARNING="1")
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"mkdocs ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stderr


def stage(folder: Path) -> None:
    """Put the settings, the pages and the code together as MkDocs wants them: README.md is the first page."""
    shutil.copy(SITE / "mkdocs.yml", folder)
    pages = folder / "pages"
    shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns("site"))
    for name in ("README.md", *AT_THE_ROOT):
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](").replace("](README.md", "](index.md")
        (pages / name.replace("README", "index")).write_text(text, encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        (pages / page.name).write_text(page.read_text(encoding="utf-8").replace("](../", "]("), encoding="utf-8")
    for package in ("servers", "client"):
        shutil.copytree(ROOT / package, folder / "code" / "mcp_models" / package, ignore=shutil.ignore_patterns("__pycache__"))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    print(build(target))
    print(target / "index.html")
