"""Set up what `mcp-models serve --http` shows of itself: metrics, the access log and traces."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator

from mcp_models.servers.core import settings
from mcp_models.servers.streamable_http.observer import Observer, Observers


@contextlib.contextmanager
def observing(metrics: tuple[str, int] | None, access_log: bool) -> Iterator[Observer]:
    """Return the observer that the options and the environment ask for, and serve metrics until the context ends.

    Args:
        metrics: The host and the port for `/metrics`. None means no metrics.
        access_log: Whether to log each request.

    Raises:
        OSError: The address for the metrics cannot be used.
    """
    with contextlib.ExitStack() as open_until_the_end:
        observers: list[Observer] = []
        if metrics:
            observers.append(open_until_the_end.enter_context(_metrics(*metrics)))
        if access_log:
            from mcp_models.servers.streamable_http.access_log import AccessLog

            observers.append(AccessLog())
        if settings.traces_wanted(os.environ):
            from mcp_models.servers.streamable_http.trace_observer import TraceObserver

            observers.append(TraceObserver())
        yield Observers(observers)


@contextlib.contextmanager
def _metrics(host: str, port: int) -> Iterator[Observer]:
    from mcp_models.servers.streamable_http.metrics import Metrics
    from mcp_models.servers.streamable_http.metrics_server import PATH, serving_metrics
    from mcp_models.servers.streamable_http.run import bound

    observer = Metrics()
    with bound(host, port) as listener, serving_metrics(listener, observer.registry):
        address, port = listener.getsockname()[:2]
        name = f"[{address}]" if listener.family == socket.AF_INET6 else address
        print(f"mcp-models: metrics at http://{name}:{port}{PATH}", file=sys.stderr)
        yield observer
