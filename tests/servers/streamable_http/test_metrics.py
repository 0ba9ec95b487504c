"""Metrics: what they count, that nobody can make endless series of them, and where they are shown."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Iterator
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from mcp_models.servers.core.completion import Usage
from mcp_models.servers.core.telemetry.observation import CallObservation
from mcp_models.servers.streamable_http.labels import ANYBODY, MAX_CALLERS, MAX_COMBINATIONS, MAX_MODELS, OTHER
from mcp_models.servers.streamable_http.metrics import Metrics
from mcp_models.servers.streamable_http.metrics_server import serving_metrics
from mcp_models.servers.streamable_http.observer import Observation
from mcp_models.servers.streamable_http.run import bound
from mcp_models.servers.streamable_http.token_file import TokenFile, TokenRecord, digest, encoded, new_token
from tests.peer import call, request, wait_until
from tests.servers.streamable_http.serving import Served, quiet_echo, serving
from tests.servers.streamable_http.test_calls import Endless, raw

Samples = dict[tuple[str, frozenset[str]], float]


@contextlib.contextmanager
def scraped(metrics: Metrics) -> Iterator[tuple[str, int]]:
    """Serve metrics on a free port."""
    with bound("127.0.0.1", 0) as listener, serving_metrics(listener, metrics.registry):
        yield listener.getsockname()


def get(address: tuple[str, int], path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, str]:
    """Ask for a page, and return its status and text."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()


def samples(text: str) -> Samples:
    """Return each sample by its name and the values of its labels."""
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.values())): sample.value for sample in found}


def value(found: Samples, name: str, *labels: str) -> float:
    return found.get((f"mcp_models_{name}", frozenset(labels)), 0)


def _values(found: Samples, name: str) -> list[float]:
    return [number for (found_name, _), number in found.items() if found_name == f"mcp_models_{name}"]


def ended(provider: str = "echo", caller: str | None = None, **fields: Any) -> Observation:
    """Return the observation of a call that has ended."""
    given = {"seconds": 1.0, "error_type": None, **fields}
    return Observation(provider, caller, "tools/call", CallObservation(provider, "complete", caller, **given), 200, seconds=1.0)


def test_calls_are_counted_by_provider_model_caller_and_outcome(tmp_path: Any) -> None:
    metrics, token, path = Metrics(), new_token(), tmp_path / "tokens.json"
    path.write_bytes(encoded({"alice": TokenRecord(digest(token), "2026-11-26")}))
    with serving([quiet_echo()], metrics, authenticators=[TokenFile(str(path))]) as served, scraped(metrics) as address:
        alice = {"authorization": f"Bearer {token}"}
        for model in ("echo-slow-0.01", "echo-slow-0.01", "echo-error-rate_limit"):
            served.post(call(1, {"prompt": "one two three", "model": model}), **alice)
        served.post(call(1, {"max_tokens": "many"}), **alice)
        served.post(request(1, "tools/list"), **alice)
        served.post(request(1, "tools/call", {"name": "list_models"}), **alice)
        served.post(call(1, {"prompt": "x"}))
        wait_until(lambda: sum(_values(samples(get(address)[1]), "http_requests_total")) == 7)
        found = samples(get(address)[1])
    who = ("echo", "echo-slow-0.01", "alice")
    assert value(found, "calls_total", *who, "ok") == 2
    assert value(found, "calls_total", "echo", OTHER, "alice", "rate_limit") == 1
    assert value(found, "calls_total", "echo", OTHER, "alice", "invalid_request") == 1
    assert sum(_values(found, "calls_total")) == 4
    assert value(found, "tokens_total", *who, "input") == value(found, "tokens_total", *who, "output") > 0
    assert (
        value(found, "call_seconds_count", "echo", "echo-slow-0.01")
        == value(found, "first_text_seconds_count", "echo", "echo-slow-0.01")
        == 2
    )
    assert value(found, "http_requests_total", "echo", "200") == 6
    assert value(found, "http_requests_total", "echo", "401") == 1


def test_a_call_is_in_flight_until_who_asked_has_hung_up() -> None:
    metrics, endless = Metrics(), Endless()
    with serving([endless], metrics) as served, scraped(metrics) as address:
        flying = ("calls_in_flight", "scripted", OTHER, ANYBODY)
        with socket.create_connection(_address(served), 5) as connection:
            connection.sendall(raw(served, call(1, {"prompt": "x"})))
            assert endless.begun.acquire(timeout=5)
            assert value(samples(get(address)[1]), *flying) == 1
        assert endless.cancelled.acquire(timeout=5)
        wait_until(lambda: value(samples(get(address)[1]), "calls_total", "scripted", OTHER, ANYBODY, "cancelled") == 1)
        assert value(samples(get(address)[1]), *flying) == 0


def test_money_and_each_kind_of_token_add_up() -> None:
    metrics = Metrics()
    usage = Usage(input_tokens=10, output_tokens=20, cache_read_tokens=5, reasoning_tokens=15)
    for _ in range(2):
        metrics.ended(ended(caller="bob", model_asked="m", model="m", usage=usage, cost_usd=0.25, first_text_seconds=0.3))
    metrics.ended(ended(caller="bob", model_asked="m", model="m", usage=usage))  # of unknown cost
    with scraped(metrics) as address:
        found = samples(get(address)[1])
    who = ("echo", "m", "bob")
    assert value(found, "cost_usd_total", *who) == 0.5
    assert [value(found, "tokens_total", *who, kind) for kind in ("input", "output", "cache_read", "reasoning")] == [
        30,
        60,
        15,
        45,
    ]


def test_made_up_models_and_callers_make_no_endless_series() -> None:
    metrics = Metrics()
    for number in range(3 * MAX_MODELS):
        metrics.ended(ended(model_asked=f"made-up-{number}", error_type="model_not_found"))
    assert _labels(metrics, "model") == {OTHER}
    for number in range(3 * MAX_MODELS):
        metrics.ended(ended(caller=f"caller-{number % 20}", model_asked=f"answers-{number}"))
    for number in range(3 * MAX_CALLERS):
        metrics.ended(ended(caller=f"caller-{number}", model_asked=f"answers-{number % MAX_MODELS}"))
        metrics.ended(ended(caller=f"caller-{number}", model_asked=f"answers-{number % 7}"))
    assert (len(_labels(metrics, "model")), len(_labels(metrics, "caller"))) == (MAX_MODELS + 1, MAX_CALLERS + 2)
    for number in range(MAX_CALLERS * MAX_MODELS):
        metrics.ended(ended(caller=f"caller-{number % MAX_CALLERS}", model_asked=f"answers-{number // MAX_CALLERS}"))
    series = [one for family in metrics.registry.collect() if family.name == "mcp_models_calls" for one in family.samples]
    assert len(series) <= MAX_COMBINATIONS + MAX_MODELS + 2


def test_only_a_get_of_the_metrics_by_a_name_of_loopback_is_answered() -> None:
    with scraped(Metrics()) as address:
        asked: list[dict[str, str]] = [{}, {"path": "/"}, {"method": "POST"}, {"Host": "rebound.example"}]
        assert [get(address, **one)[0] for one in asked] == [200, 404, 405, 421]


def test_metrics_are_not_shown_where_callers_ask() -> None:
    with serving([quiet_echo()], Metrics()) as served:
        assert served.client.get("/metrics").status_code == 404


def _labels(metrics: Metrics, name: str) -> set[str]:
    return {sample.labels[name] for family in metrics.registry.collect() for sample in family.samples if name in sample.labels}


def _address(served: Served) -> tuple[str, int]:
    host, port = served.url.removeprefix("http://").split(":")
    return host, int(port)
