"""Send a span for each call to OpenTelemetry's collector, and one within it for the provider's part.

Spans are made when a call has ended, in a thread, from what was observed: a call never waits for them, nor for the import of
OpenTelemetry. `settings.traces_wanted` says whether to make them; without that, this module is not imported.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp_models.servers.core import __version__, settings
from mcp_models.servers.core.redaction import protect
from mcp_models.servers.core.telemetry import semantic_conventions
from mcp_models.servers.core.telemetry.observation import CallObservation
from mcp_models.servers.core.telemetry.worker import Worker

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

NANO = 1_000_000_000
SERVICE_NAME = "mcp-models"


class Traces:
    """Make and send spans. The variables that begin with OTEL_ say where to and how many, as OpenTelemetry defines them."""

    def __init__(self) -> None:
        for variable in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"):
            for pair in os.environ.get(variable, "").split(","):
                protect(pair.partition("=")[2])
        self._worker: Worker[CallObservation] = Worker("traces", _start)

    def ended(self, call: CallObservation) -> None:
        """Send the spans of a call that has ended. This does not wait."""
        self._worker.put(call)

    async def flush(self, seconds: float) -> None:
        """Send what is waiting, within so many seconds."""
        await self._worker.flush(seconds)


def _start() -> tuple[Callable[[CallObservation], None], Callable[[], None]]:
    """Import OpenTelemetry and set it up.

    Raises:
        RuntimeError: It is not installed, or is to speak something else than HTTP.
    """
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol not in (None, "", "http/protobuf"):
        raise RuntimeError(f"expected http/protobuf as OTEL_EXPORTER_OTLP_PROTOCOL, got {protocol!r}")
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise RuntimeError('run `pip install "mcp-models[otel]"`') from error
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    resource = Resource.create({"service.version": __version__, **({} if named else {"service.name": SERVICE_NAME})})
    # It ends with `flush`, which has a bound; what it would do at exit has none.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter()))
    return _maker(provider), lambda: _send_off(provider)


def _exporter() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from requests import Session

    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)  # a batch that is given up is a line, a retry is none
    session = Session()
    session.trust_env = not settings.is_loopback(settings.traces_endpoint(os.environ))  # a proxy must not catch loopback
    return OTLPSpanExporter(session=session)


def _send_off(provider: TracerProvider) -> None:
    provider.force_flush()


def _maker(provider: TracerProvider) -> Callable[[CallObservation], None]:
    """Return a function that makes the spans of a call."""
    from opentelemetry.trace import Link, SpanKind, get_current_span, set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    tracer = provider.get_tracer(SERVICE_NAME, __version__)
    extract = TraceContextTextMapPropagator().extract

    def context_of(fields: dict[str, str]) -> Context:
        return extract(fields)

    def make(call: CallObservation) -> None:
        started = int(call.started * NANO)
        ended = started + int((call.seconds or 0) * NANO)
        ambient = get_current_span(context_of(call.linked_trace)).get_span_context()
        span = tracer.start_span(
            semantic_conventions.tool_span_name(call),
            context_of(call.trace or call.linked_trace),
            SpanKind.SERVER,
            semantic_conventions.tool_attributes(call),
            [Link(ambient)] if call.trace and ambient.is_valid else [],
            started,
        )
        if call.provider_after is not None:
            chat = tracer.start_span(
                semantic_conventions.chat_span_name(call),
                set_span_in_context(span),
                SpanKind.CLIENT,
                semantic_conventions.chat_attributes(call),
                start_time=started + int(call.provider_after * NANO),
            )
            _end(chat, call, ended)
        _end(span, call, ended)

    return make


def _end(span: Span, call: CallObservation, ended: int) -> None:
    from opentelemetry.trace import Status, StatusCode

    if call.error_type is not None:
        span.set_status(Status(StatusCode.ERROR, call.error_type))
    span.end(ended)
