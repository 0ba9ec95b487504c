"""Receive spans as OpenTelemetry's collector does: OTLP over HTTP, decoded with the official package."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.peer import wait_until


class Collector:
    """A collector on a free port of loopback.

    Attributes:
        url: Its address, for OTEL_EXPORTER_OTLP_ENDPOINT.
        bodies: What it received, as it came.
        headers: The headers of each request.
        requests: The same decoded.
    """

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.requests: list[ExportTraceServiceRequest] = []
        collector = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.bodies.append(body)
                collector.headers.append(dict(self.headers))
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def spans(self, number: int) -> list[Span]:
        """Return the spans once so many have come, in the order in which they began."""
        wait_until(lambda: len(self._spans()) >= number)
        return sorted(self._spans(), key=lambda span: span.start_time_unix_nano)

    def _spans(self) -> list[Span]:
        scopes = [scope for one in self.requests for resource in one.resource_spans for scope in resource.scope_spans]
        return [span for scope in scopes for span in scope.spans]


def attributes(span: Span) -> dict[str, Any]:
    """Return a span's attributes."""
    found: dict[str, Any] = {}
    for pair in span.attributes:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind or "string_value")
        found[pair.key] = [one.string_value for one in value.values] if kind == "array_value" else value
    return found
