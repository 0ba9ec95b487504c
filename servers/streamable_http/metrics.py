"""Count calls, tokens, money and times for Prometheus."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily

from mcp_models.servers.core import __version__
from mcp_models.servers.core.telemetry.observation import CallObservation
from mcp_models.servers.core.tools import LIST_MODELS
from mcp_models.servers.streamable_http.labels import Labels
from mcp_models.servers.streamable_http.observer import Observation, Observer

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
"""The upper ends of the buckets of times."""

ANSWERED = "ok"
NO_STATUS = "none"
"""The status of a request whose client hung up before the answer."""

KINDS = ("input", "output", "cache_read", "cache_write", "reasoning")
"""The kinds of tokens. The last three are part of the first two."""

_WHO = ("provider", "model", "caller")
_WHAT = ("provider", "model")


class Metrics(Observer):
    """Keep the metrics of one process.

    Attributes:
        registry: What a scrape reads. It may be read in another thread.
    """

    def __init__(self) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series, and no dashboard shows them
        registry = self.registry = CollectorRegistry()
        self._labels = Labels()
        self._live: dict[int, Observation] = {}
        self._requests = Counter(
            "mcp_models_http_requests", "HTTP requests, by status.", ["provider", "status"], registry=registry
        )
        self._calls = Counter(
            "mcp_models_calls", "Completions: `ok`, or the type of error.", [*_WHO, "outcome"], registry=registry
        )
        self._tokens = Counter("mcp_models_tokens", "Tokens, as the provider counted.", [*_WHO, "kind"], registry=registry)
        self._cost = Counter("mcp_models_cost_usd", "What calls cost, as far as it is known.", _WHO, registry=registry)
        self._seconds = Histogram(
            "mcp_models_call_seconds", "How long completions took.", _WHAT, buckets=SECONDS, registry=registry
        )
        self._first_text = Histogram(
            "mcp_models_first_text_seconds", "Time to the first text.", _WHAT, buckets=SECONDS, registry=registry
        )
        Gauge("mcp_models_build_info", "The version.", ["version"], registry=registry).labels(__version__).set(1)
        registry.register(_InFlight(self._live, self._labels))
        ProcessCollector(registry=registry)

    def begun(self, observation: Observation) -> None:
        """Count a request as in flight."""
        self._live[id(observation)] = observation

    def ended(self, observation: Observation) -> None:
        """Count a request that has ended, and its call if it is one."""
        self._live.pop(id(observation), None)
        self._requests.labels(observation.provider, str(observation.status or NO_STATUS)).inc()
        if (call := observation.call) is not None and call.tool != LIST_MODELS:
            self._count(call)

    def _count(self, call: CallObservation) -> None:
        who = self._labels.of(call)
        self._calls.labels(*who, call.error_type or ANSWERED).inc()
        self._seconds.labels(*who[:2]).observe(call.seconds or 0)
        if call.first_text_seconds is not None:
            self._first_text.labels(*who[:2]).observe(call.first_text_seconds)
        if call.usage is not None:
            for kind in KINDS:
                if tokens := getattr(call.usage, f"{kind}_tokens"):
                    self._tokens.labels(*who, kind).inc(tokens)
        if call.cost_usd is not None:
            self._cost.labels(*who).inc(call.cost_usd)


class _InFlight:
    """Count the completions in flight when somebody looks.

    Args:
        live: The requests in flight.
        labels: The labels.
    """

    def __init__(self, live: dict[int, Observation], labels: Labels) -> None:
        self._live, self._labels = live, labels

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the metric."""
        family = GaugeMetricFamily("mcp_models_calls_in_flight", "Completions in flight.", labels=_WHO)
        calls = [one.call for one in list(self._live.values()) if one.call is not None and one.call.tool != LIST_MODELS]
        for who, number in Tally(map(self._labels.known, calls)).items():
            family.add_metric(who, number)
        yield family
