"""Draw charts as SVG: Vega-Lite specifications in, pictures out. Nothing is fetched.

Colours are variables of CSS, `--c0` and so on, so that the page sets them for dark and for light. Each bar has an `aria-label`
with its values, `said`. Source: https://vega.github.io/vega-lite/docs/.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import vl_convert

from mcp_models.client.usage.queries import ErrorCount, Latency, ModelDay
from mcp_models.client.usage.report import Group
from mcp_models.client.usage.words import count, dollars

WIDTH = 560
HEIGHT = 240

MOST_MODELS = 8
"""How many models a chart tells apart. The rest of them are one."""

MOST_DAYS = 92
"""How many days a chart shows one by one. In a longer period it shows months."""

OTHERS = "other models"
PERCENTILES = ("p50", "p95", "p99")

_VERSION = "6.4"
_CONFIG: dict[str, Any] = {
    "font": "Arial, Helvetica, sans-serif",  # what vl_convert has the measures of
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "domainColor": "var(--grid)",
        "tickColor": "var(--grid)",
        "gridColor": "var(--grid)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 190,
    },
    "legend": {
        "orient": "bottom",
        "columns": 2,
        "columnPadding": 45,  # a browser's font may be wider than the one that was measured
        "title": None,
        "labelColor": "currentColor",
        "labelFontSize": 12,
        "labelLimit": 180,
    },
}


def spend(costs: list[ModelDay], periods: list[str]) -> str:
    """Return stacked bars: what each model cost in each period, in dollars. The dearest models are told apart."""
    totals: dict[str, float] = defaultdict(float)
    for cost in costs:
        totals[f"{cost.provider}/{cost.model}"] += cost.cost_usd
    dearest = sorted(totals, key=lambda model: (-totals[model], model))
    told = dearest if len(dearest) <= MOST_MODELS else [*dearest[: MOST_MODELS - 1], OTHERS]
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for cost in costs:
        model = f"{cost.provider}/{cost.model}"
        sums[period_of(cost.day, periods), model if model in told else OTHERS] += cost.cost_usd
    values = [
        {
            "period": period,
            "model": model,
            "USD": round(amount, 9),
            "order": told.index(model),
            "said": f"{period}, {model}: {dollars(amount)}",
        }
        for (period, model), amount in sums.items()
    ]
    return _stacked("Spend by model", values, periods, "USD", "model", told, "$,.2~f")


def tokens(days: list[Group], periods: list[str]) -> str:
    """Return stacked bars: the tokens of prompts and of answers in each period."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    kinds = ["in", "out"]
    for day in days:
        for kind, number in zip(kinds, (day.sums.input_tokens, day.sums.output_tokens), strict=True):
            sums[period_of(day.key[0], periods), kind] += number
    values = [
        {
            "period": period,
            "kind": kind,
            "tokens": number,
            "order": kinds.index(kind),
            "said": f"{period}, {kind}: {count(number)} tokens",
        }
        for (period, kind), number in sums.items()
    ]
    return _stacked("Tokens", values, periods, "tokens", "kind", kinds, "~s")


def latencies(found: list[Latency]) -> str:
    """Return bars: the percentiles of how long the answers of each model took, in seconds."""
    values = [
        {
            "model": f"{line.provider}/{line.model}",
            "percentile": name,
            "seconds": milliseconds / 1000,
            "said": f"{line.provider}/{line.model}, {name}: {milliseconds / 1000:g} seconds",
        }
        for line in found
        for name, milliseconds in zip(PERCENTILES, (line.p50_ms, line.p95_ms, line.p99_ms), strict=True)
    ]
    encoding = {
        "y": {"field": "model", "type": "nominal", "sort": None, "title": None},
        "yOffset": {"field": "percentile", "type": "nominal", "sort": None},
        "x": {"field": "seconds", "type": "quantitative", "axis": {"tickCount": 6}},
        "color": _color("percentile", PERCENTILES),
    }
    return _svg("Latency percentiles by model", values, {"type": "bar"}, encoding, {"step": 11})


def errors(found: list[ErrorCount]) -> str:
    """Return bars: how often calls failed with each type of error."""
    values = [
        {"type": line.error_type, "errors": line.errors, "said": f"{line.error_type}: {count(line.errors)}"} for line in found
    ]
    encoding = {
        "y": {"field": "type", "type": "nominal", "sort": None, "title": None},
        "x": {"field": "errors", "type": "quantitative", "axis": {"tickMinStep": 1, "format": ",d"}},
    }
    return _svg("Errors by type", values, {"type": "bar", "color": "var(--bad)"}, encoding, {"step": 24})


def period_of(day: str, periods: list[str]) -> str:
    """Return the period that a day belongs to: itself, or its month."""
    return day[: len(periods[0])]


def _stacked(
    title: str, values: list[dict[str, Any]], periods: list[str], amount: str, kind: str, kinds: Iterable[str], form: str
) -> str:
    labels = "slice(datum.value, 5)" if len(periods[0]) > 7 else "datum.value"
    encoding = {
        "x": {
            "field": "period",
            "type": "ordinal",
            "scale": {"domain": periods},
            "axis": {"title": None, "labelExpr": labels, "labelAngle": 0, "labelOverlap": "greedy", "labelSeparation": 6},
        },
        "y": {"field": amount, "type": "quantitative", "axis": {"format": form, "tickCount": 5}},
        "color": _color(kind, kinds),
        "order": {"field": "order", "type": "quantitative"},
    }
    return _svg(title, values, {"type": "bar"}, encoding, HEIGHT)


def _color(field: str, names: Iterable[str]) -> dict[str, Any]:
    domain = list(names)
    return {
        "field": field,
        "type": "nominal",
        "scale": {"domain": domain, "range": [f"var(--c{n})" for n in range(len(domain))]},
    }


def _svg(title: str, values: list[dict[str, Any]], mark: dict[str, Any], encoding: dict[str, Any], height: Any) -> str:
    specification = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": title,
        "data": {"values": values},
        "mark": mark,
        "encoding": {**encoding, "description": {"field": "said"}},
        "width": WIDTH,
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": {"left": 5 if height == HEIGHT else 30, "right": 10, "top": 5, "bottom": 5},  # fonts differ in their widths
        "config": _CONFIG,
    }
    return vl_convert.vegalite_to_svg(specification, vl_version=_VERSION, allowed_base_urls=[])
