"""The dashboard for Grafana: each query is one of PromQL, and asks for metrics and labels that exist."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mcp_models.servers.streamable_http.metrics import Metrics
from tests.checkout import ROOT
from tests.peer import call
from tests.servers.streamable_http.serving import quiet_echo, serving
from tests.servers.streamable_http.test_metrics import ended

BOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "mcp-models.json").read_text(encoding="utf-8"))
QUERIES = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
LEGENDS = [(target["expr"], target["legendFormat"]) for panel in BOARD["panels"] for target in panel["targets"]]
OF_PROMETHEUS = {"instance", "job"}
"""The labels that a Prometheus adds to every series."""

_TIMES = re.compile(r"\$__(?:rate_interval|range)")
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """Return the labels of each series that a scrape shows after some calls."""
    metrics = Metrics()
    with serving([quiet_echo()], metrics) as served:
        served.post(call(1, {"prompt": "x"}))
        served.post(call(1, {"prompt": "x", "model": "echo-error-overloaded"}))
    running = ended()
    metrics.begun(running)
    found: dict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            found[sample.name] |= set(sample.labels)
    return found


def selectors(node: Any) -> Iterator[Any]:
    """Return every selector of series in a query, with the labels by which the query groups what they select."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    elif isinstance(node, promql_parser.MatrixSelector):
        yield node.vector_selector
    for name in ("lhs", "rhs", "expr", "param"):
        if (part := getattr(node, name, None)) is not None:
            yield from selectors(part)
    args = getattr(node, "args", None)
    for part in args if isinstance(args, list) else ():
        yield from selectors(part)


def grouped(node: Any) -> set[str]:
    """Return the labels that a query groups by, or matches two sides on."""
    modifier = getattr(node, "modifier", None)
    own = set(getattr(modifier, "labels", None) or getattr(getattr(modifier, "matching", None), "labels", None) or ())
    parts = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "param")]
    args = getattr(node, "args", None)
    return own.union(*(grouped(part) for part in [*parts, *(args if isinstance(args, list) else [])] if part is not None))


def parsed(query: str) -> Any:
    return promql_parser.parse(_TIMES.sub("5m", query))


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_what_a_scrape_shows(query: str, labels: dict[str, set[str]]) -> None:
    tree = parsed(query)
    found = list(selectors(tree))
    assert found
    for selector in found:
        assert selector.name in labels, f"there is no {selector.name}"
        asked = {matcher.name for matcher in selector.matchers.matchers} | (grouped(tree) - OF_PROMETHEUS)
        assert asked <= labels[selector.name] | OF_PROMETHEUS


@pytest.mark.parametrize(("query", "legend"), LEGENDS)
def test_a_legend_names_labels_that_the_query_keeps(query: str, legend: str) -> None:
    kept = grouped(parsed(query)) | OF_PROMETHEUS
    assert set(re.findall(r"{{(\w+)}}", legend)) <= kept


def test_every_variable_that_a_query_uses_is_filled_from_a_label_that_exists(labels: dict[str, set[str]]) -> None:
    variables = {variable["name"]: variable for variable in BOARD["templating"]["list"]}
    used = set(re.findall(r"\$(?!__)(\w+)", " ".join(QUERIES)))
    assert used == set(variables) - {"datasource"}
    for name in used:
        asked = _LABEL_VALUES.fullmatch(variables[name]["definition"])
        assert asked
        (selector,) = selectors(parsed(asked[1]))
        assert asked[2] in labels[selector.name]


def test_every_metric_of_ours_is_on_the_dashboard(labels: dict[str, set[str]]) -> None:
    shown = {selector.name for query in QUERIES for selector in selectors(parsed(query))}
    ours = {name for name in labels if name.startswith("mcp_models_") and not name.endswith(("_count", "_sum"))}
    assert ours == {name for name in shown if name.startswith("mcp_models_")}


def test_a_metric_that_does_not_exist_is_noticed(labels: dict[str, set[str]]) -> None:
    with pytest.raises(AssertionError, match="there is no mcp_models_call_total"):
        test_a_query_asks_for_what_a_scrape_shows("sum(rate(mcp_models_call_total[5m]))", labels)
    with pytest.raises(AssertionError):
        test_a_query_asks_for_what_a_scrape_shows("sum by (modell) (rate(mcp_models_calls_total[5m]))", labels)
    with pytest.raises(AssertionError):
        test_a_query_asks_for_what_a_scrape_shows('rate(mcp_models_call_seconds_bucket{caller="a"}[5m])', labels)
