"""The page in a real Chromium: bars of the right heights and colours, in light and dark, on a phone, and not one request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mcp_models.client.usage import queries
from mcp_models.client.usage.page import page
from mcp_models.servers.core.ledger.budget import parse_budget
from mcp_models.servers.core.ledger.row import NANO
from mcp_models.servers.core.ledger.target import Target
from tests.chromium import Box, Chromium
from tests.client.usage.rows import DAY, NOON, row

pytestmark = pytest.mark.slow

EVIL = "<script>document.title='evil'</script><img src=http://192.0.2.1/x.png>"
BARS = "[aria-labelledby=spend] svg [aria-roledescription=bar]"


@pytest.fixture
def html(tmp_path: Path) -> Path:
    """A page on four calls: on one day two models for 1 and 3 dollars, on the next one for 2 dollars, and a failure."""
    store = Target(str(tmp_path / "ledger.sqlite3"), is_postgres=False).open()
    failed = row(4, NOON, error_type="timeout", cost=None, provider=EVIL, model=None, model_asked=EVIL, host=EVIL)
    dear = row(1, NOON - DAY, provider="anthropic", model="dear", cost=3 * NANO, latency_ms=3000)
    store.write([dear, row(2, NOON - DAY, cost=NANO), row(3, NOON, cost=2 * NANO), failed], [])
    path = tmp_path / "page.html"
    path.write_text(page(store, queries.report(store, "day", 0, parse_budget("10 USD/day")), "ledger"), encoding="utf-8")
    store.close()
    return path


def colour(path: Path, name: str, dark: bool) -> tuple[int, ...]:
    """Return a colour that the page's style gives to a variable."""
    light_part, _, dark_part = path.read_text(encoding="utf-8").partition("prefers-color-scheme: dark")
    found = re.search(rf"--{name}: #(\w\w)(\w\w)(\w\w)", dark_part if dark else light_part)
    assert found is not None
    return tuple(int(part, 16) for part in found.groups())


def middle(picture: Any, box: Box) -> tuple[int, ...]:
    return tuple(picture[round(box.top + box.height / 2), round(box.left + box.width / 2)])


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_bars_have_the_heights_of_their_amounts_and_the_colours_of_their_models(html: Path, dark: bool) -> None:
    with Chromium() as browser:
        browser.open(html, dark=dark)
        dear, cheap, next_day = sorted(browser.boxes(BARS), key=lambda box: (box.left, -box.height))
        picture = browser.picture()
    assert dear.height / cheap.height == pytest.approx(3, rel=0.01)
    assert next_day.height / cheap.height == pytest.approx(2, rel=0.01)
    assert cheap.top + cheap.height == pytest.approx(dear.top, abs=0.5) or dear.top + dear.height == pytest.approx(
        cheap.top, abs=0.5
    )
    assert middle(picture, dear) == colour(html, "c0", dark)
    assert middle(picture, cheap) == middle(picture, next_day) == colour(html, "c1", dark)
    above = Box(next_day.left, next_day.top - 12, next_day.width, 2)
    assert middle(picture, above) in (colour(html, "card", dark), colour(html, "grid", dark))
    assert tuple(picture[2, 2]) == colour(html, "page", dark)


def test_a_bar_is_one_colour_from_its_top_to_its_foot(html: Path) -> None:
    with Chromium() as browser:
        browser.open(html)
        boxes, picture = browser.boxes(BARS), browser.picture()
    for box in boxes:
        column = picture[round(box.top) + 1 : round(box.top + box.height) - 1, round(box.left + box.width / 2)]
        assert len({tuple(pixel) for pixel in column}) == 1


def test_dark_and_light_differ(html: Path) -> None:
    assert all(colour(html, name, True) != colour(html, name, False) for name in ("page", "card", "text", "c0", "c7"))


def test_no_request_leaves_and_no_name_becomes_a_script(html: Path) -> None:
    with Chromium() as browser:
        browser.open(html)
        browser.picture()
        assert browser.requests == [html.as_uri()]
        assert browser.refused == []
        assert browser.do("Runtime.evaluate", expression="document.title")["result"]["value"].startswith("Usage since")


def test_the_counter_of_requests_sees_one_when_there_is_one(html: Path, tmp_path: Path) -> None:
    worse = tmp_path / "worse.html"
    text = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", html.read_text(encoding="utf-8"))
    worse.write_text(text.replace("</main>", '<img src="http://127.0.0.1:9/x.png"></main>'), encoding="utf-8")
    with Chromium() as browser:
        browser.open(worse)
        assert browser.requests == [worse.as_uri(), "http://127.0.0.1:9/x.png"]


def test_its_policy_refuses_what_somebody_adds(html: Path, tmp_path: Path) -> None:
    worse = tmp_path / "worse.html"
    added = "<script>document.title='evil'</script></main>"
    worse.write_text(html.read_text(encoding="utf-8").replace("</main>", added), encoding="utf-8")
    with Chromium() as browser:
        browser.open(worse)
        assert browser.do("Runtime.evaluate", expression="document.title")["result"]["value"].startswith("Usage since")
        assert any("Content Security Policy" in said for said in browser.refused)


def test_a_phone_need_not_scroll_sideways(html: Path) -> None:
    with Chromium() as browser:
        browser.open(html, width=360, height=740)
        assert browser.width() == 360
        assert all(box.width <= 360 for box in browser.boxes("section"))
        assert min(box.height for box in browser.boxes("[aria-labelledby=spend] svg")) > 150


def test_a_screen_reader_is_told_everything(html: Path) -> None:
    with Chromium() as browser:
        browser.open(html)
        spoken = browser.spoken()
    headings = [name for role, name in spoken if role == "heading"]
    assert headings[:3] == ["Usage", "Budget", "Spend a day by model"]
    names = [name for _, name in spoken]
    assert "2026-11-25, anthropic/dear: $3.00" in names
    assert any("10 USD/day" in name for role, name in spoken if role == "progressbar" or "ProgressIndicator" in role)
    assert any(EVIL in name for name in names)
