"""Observe calls, and send traces of them to OpenTelemetry. Metrics and the access log are in `servers/streamable_http/`."""
