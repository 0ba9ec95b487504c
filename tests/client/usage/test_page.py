"""The page with charts: whole in one file, with every number, and nothing that a name could smuggle in."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from mcp_models.client.usage import charts, queries
from mcp_models.client.usage.page import page, periods_of
from mcp_models.client.usage.words import dollars
from mcp_models.servers.core.ledger.budget import parse_budget
from mcp_models.servers.core.ledger.row import NANO
from mcp_models.servers.core.ledger.store import Store
from tests.client.usage.rows import DAY, NOON, month, row

EVIL = "<script>alert(1)</script>\"'><img src=http://192.0.2.1/x onerror=alert(2)>{{ 7 * 7 }}"


class Reader(HTMLParser):
    """What stands in a page: its elements with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def labels(self) -> list[str]:
        """Return what a screen reader says of each bar."""
        return [found["aria-label"] or "" for _, found in self.elements if found.get("aria-roledescription") == "bar"]


def made(store: Store, since: float = 0, budget: str = "") -> Reader:
    return Reader(page(store, queries.report(store, "day", since, parse_budget(budget)), "/somewhere/ledger.sqlite3"))


def test_each_bar_says_its_numbers(filled: Store) -> None:
    labels = made(filled).labels()
    for cost in queries.cost_by_day_and_model(filled, 0):
        assert f"{cost.day}, {cost.provider}/{cost.model}: {dollars(cost.cost_usd)}" in labels
    for day in queries.groups(filled, ("day",), 0):
        assert f"{day.name}, in: {day.sums.input_tokens:,} tokens" in labels
    for latency in queries.latencies(filled, 0, 8):
        assert f"{latency.provider}/{latency.model}, p95: {latency.p95_ms / 1000:g} seconds" in labels
    for error in queries.errors(filled, 0):
        assert f"{error.error_type}: {error.errors}" in labels


def test_totals_budget_and_tables_are_there(filled: Store) -> None:
    text = made(filled, budget="50 USD/month, 200 calls/month per host").text
    total = queries.report(filled, "day", 0, None).total
    for said in (f"{total.calls:,}", f"{total.input_tokens:,}", "50 USD/month", "200 calls/month per host", "claude-code"):
        assert said in text
    for group in queries.groups(filled, ("provider", "model"), 0):
        assert group.name in text
        assert f"{group.sums.output_tokens:,}" in text


def test_nothing_is_fetched_and_no_script_is_run(filled: Store) -> None:
    elements = made(filled, budget="5 USD/day").elements
    assert not {tag for tag, _ in elements} & {"script", "img", "iframe", "object", "embed", "form", "base", "image", "use"}
    links = [(name, value) for _, attributes in elements for name, value in attributes.items() if name in ("href", "src")]
    assert links == [("href", "data:,")]
    assert not [name for _, attributes in elements for name in attributes if name.startswith("on")]
    (policy,) = [found["content"] for _, found in elements if found.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_names_from_outside_are_only_text(store: Store) -> None:
    names = {"provider": EVIL, "model": EVIL, "model_asked": EVIL, "host": EVIL}
    store.write([row(1, NOON, **names), row(2, NOON, **{**names, "error_type": EVIL}), row(3, NOON, cost=5 * NANO)], [])
    found = made(store)
    tags = {tag for tag, _ in found.elements}
    assert not tags & {"script", "img"}
    assert f"{EVIL}/{EVIL}" in found.text
    assert "49" not in [cell.strip() for cell in found.text.split("\n")]
    assert [label for label in found.labels() if EVIL in label]


def test_an_empty_ledger_gives_a_page_without_charts(store: Store) -> None:
    found = made(store)
    assert "svg" not in {tag for tag, _ in found.elements}
    for said in ("No call has cost anything.", "There are no tokens.", "No call was answered.", "No call failed."):
        assert said in found.text


def test_a_day_without_calls_has_its_place(store: Store) -> None:
    store.write([row(1, NOON - 4 * DAY), row(2, NOON)], [])
    assert shown_periods(store) == ["2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"]


def test_a_long_period_is_shown_in_months(store: Store) -> None:
    store.write([row(1, NOON - 200 * DAY), row(2, NOON), row(3, NOON - DAY)], [])
    assert shown_periods(store) == [f"2026-{month:02}" for month in range(5, 12)]
    found = made(store)
    assert "Spend a month by model" in found.text
    assert "2026-11, openai/gpt-5.2: $0.0020" in found.labels()


def shown_periods(store: Store) -> list[str]:
    return periods_of(queries.groups(store, ("day",), 0, "day"), NOON)


def test_beyond_eight_models_the_rest_are_one() -> None:
    costs = [queries.ModelDay("2026-11-26", "p", f"m{number:02}", number) for number in range(1, 13)]
    svg = charts.spend(costs, ["2026-11-26"])
    labels = Reader(svg).labels()
    assert len(labels) == charts.MOST_MODELS
    assert "2026-11-26, other models: $15.00" in labels


def test_the_colours_of_all_charts_are_the_pages(filled: Store) -> None:
    html = page(filled, queries.report(filled, "day", 0, None), "x")
    styles, _, pictures = html.partition("</style>")
    used = set(re.findall(r"var\((--[\w]+)\)", pictures))
    assert {"--c0", "--c1", "--c2", "--bad", "--grid"} <= used
    light, _, dark = styles.partition("prefers-color-scheme: dark")
    for name in (*used, *(f"--c{number}" for number in range(charts.MOST_MODELS))):
        assert f"{name}: #" in light
        assert f"{name}: #" in dark


def test_months_are_the_same_every_time() -> None:
    assert month() == month()
