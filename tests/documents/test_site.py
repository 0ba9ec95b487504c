"""The documentation site: it builds strictly, it is whole, and reading it fetches nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import mcp_models.client
from tests.checkout import ROOT
from tests.documents.site import AT_THE_ROOT, build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # the first run installs MkDocs


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build(folder)
    return folder


def test_every_page_is_in_it_and_in_its_navigation(site: Path) -> None:
    index = (site / "index.html").read_text(encoding="utf-8")
    for page in [path.stem for path in (ROOT / "docs").glob("*.md")] + [Path(name).stem for name in AT_THE_ROOT]:
        assert (site / page / "index.html").exists(), page
        assert f'href="{page}/"' in index, page


def test_the_reference_has_every_public_class_with_its_docstring(site: Path) -> None:
    reference = (site / "reference" / "index.html").read_text(encoding="utf-8")
    for name in mcp_models.client.__all__:
        if isinstance(getattr(mcp_models.client, name), type):
            assert re.search(rf'id="mcp_models\.client\.[\w.]*\b{name}"', reference), name
    docstring = mcp_models.client.Model.call.__doc__
    assert docstring
    assert docstring.splitlines()[0] in reference


class Fetched(HTMLParser):
    """Gathers what a browser fetches by itself, as it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "src" in given:
            self.addresses.append(given["src"] or "")
        elif tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.addresses.append(given.get("href") or "")


def test_nothing_is_fetched_from_another_host(site: Path) -> None:
    for page in site.rglob("*.html"):
        fetched = Fetched()
        fetched.feed(page.read_text(encoding="utf-8"))
        assert fetched.addresses
        assert not [address for address in fetched.addresses if re.match(r"(https?:)?//", address)], page
