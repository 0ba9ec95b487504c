"""Show what calls do: what may be told of one, and traces for OpenTelemetry. Metrics and access logs are part of HTTP."""
