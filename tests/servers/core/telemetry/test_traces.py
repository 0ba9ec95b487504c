"""Traces: what the collector receives, over HTTP and on stdio, and that nothing waits for it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from mcp_models.servers import load_provider
from mcp_models.servers.core import settings
from mcp_models.servers.core.protocol import ToolCall
from mcp_models.servers.core.telemetry.observation import CallObservation, observation_of
from mcp_models.servers.core.telemetry.semantic_conventions import chat_attributes
from mcp_models.servers.core.telemetry.traces import Traces
from mcp_models.servers.streamable_http.trace_observer import TraceObserver
from tests.otlp import Collector, attributes
from tests.peer import Peer, call
from tests.servers.streamable_http.serving import quiet_echo, serving

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
AMBIENT = "00-11111111111111111111111111111111-2222222222222222-01"


@pytest.mark.parametrize(("name", "said"), [("mistral", "mistral_ai"), ("xai", "x_ai"), ("openai", "openai")])
def test_a_provider_has_the_conventions_name(name: str, said: str) -> None:
    observation = observation_of(ToolCall(1, "complete", {}, {}, modern=False), load_provider(name))
    assert chat_attributes(observation)["gen_ai.provider.name"] == said


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found


def test_a_call_over_http_is_a_span_of_the_server_and_within_it_one_of_the_provider(collector: Collector) -> None:
    with serving([quiet_echo()], TraceObserver()) as served:
        arguments = {"prompt": "a secret plan", "model": "echo-slow-0.01", "temperature": 0.5, "max_tokens": 50}
        served.post(call("id-1", arguments, modern=True, traceparent=PARENT), traceparent=AMBIENT)
        served.post(call(2, {"prompt": "a secret plan", "model": "echo-error-rate_limit"}), traceparent=AMBIENT)
        served.post(call(3, {"max_tokens": "many"}))
    tool, chat, limited, limited_chat, odd = collector.spans(5)
    assert (tool.name, tool.kind, chat.name, chat.kind) == (
        "tools/call complete",
        Span.SPAN_KIND_SERVER,
        "chat echo-slow-0.01",
        Span.SPAN_KIND_CLIENT,
    )
    assert f"00-{tool.trace_id.hex()}-{tool.parent_span_id.hex()}-01" == PARENT
    assert [f"00-{link.trace_id.hex()}-{link.span_id.hex()}-01" for link in tool.links] == [AMBIENT]
    assert (chat.trace_id, chat.parent_span_id) == (tool.trace_id, tool.span_id)
    assert tool.start_time_unix_nano <= chat.start_time_unix_nano < chat.end_time_unix_nano <= tool.end_time_unix_nano
    said = attributes(tool)
    assert (said["mcp.method.name"], said["mcp.protocol.version"], said["jsonrpc.request.id"], said["gen_ai.tool.name"]) == (
        *("tools/call", "2026-07-28", "id-1", "complete"),
    )
    said = attributes(chat)
    assert 0 < said.pop("gen_ai.response.time_to_first_chunk") < 1
    assert said == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "echo",
        "gen_ai.request.model": "echo-slow-0.01",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.response.model": "echo-slow-0.01",
        "gen_ai.response.finish_reasons": ["end_turn"],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 3,
        "mcp_models.cost_usd": 0.0,
    }
    assert f"00-{limited.trace_id.hex()}-{limited.parent_span_id.hex()}-01" == AMBIENT
    assert (attributes(limited)["error.type"], attributes(limited_chat)["error.type"]) == ("tool_error", "rate_limit")
    assert (attributes(odd)["error.type"], odd.parent_span_id, list(limited.links)) == ("tool_error", b"", [])
    assert not any(b"secret" in body for body in collector.bodies)


def test_calls_on_stdio_are_traced_before_the_server_ends(collector: Collector) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "MCP_MODELS_LEDGER": "off", "PATH": "/usr/bin:/bin"}
    with Peer(sys.executable, "-m", "mcp_models.servers.echo_mcp_server", env=environment) as server:
        server.send(call(1, {"prompt": "a secret plan", "model": "echo-slow-1"}, traceparent=PARENT))
        assert server.read()["id"] == 1
        server.close_stdin()
        assert server.exit_code(5) == 0
    tool, chat = collector.spans(2)
    assert (tool.trace_id.hex(), chat.name) == (PARENT.split("-")[1], "chat echo-slow-1")
    assert not any(b"secret" in body for body in collector.bodies)


async def test_a_collector_that_does_not_answer_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        traces, started = Traces(), time.monotonic()
        traces.ended(CallObservation("echo", "complete", started=time.time(), seconds=1.0))
        assert time.monotonic() - started < 0.1
        await traces.flush(0.2)
        assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
    ids=str,
)
def test_traces_are_made_only_if_the_environment_names_a_collector(env: dict[str, str], wanted: bool) -> None:
    assert settings.traces_wanted(env) is wanted


def test_a_server_imports_nothing_of_it_on_its_own() -> None:
    code = (
        "import sys, mcp_models.servers.core.dispatcher, mcp_models.servers.streamable_http.app;"
        "print(*(name for name in sys.modules if 'opentelemetry' in name or 'prometheus' in name or name.endswith('.traces')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
