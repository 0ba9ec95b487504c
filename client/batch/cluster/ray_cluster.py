"""Use Ray: start a cluster on this machine or connect to one, and send rows through its workers.

Sources: https://docs.ray.io/en/latest/ray-core/api/doc/ray.init.html, https://docs.ray.io/en/latest/data/transforming-data.html.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from mcp_models.client.batch.cluster.worker import Item, Plan, Report, Worker
from mcp_models.client.batch.errors import BatchError
from mcp_models.servers.core.provider import missing_package

EXTRA = "ray"

BLOCK_ROWS = 200
"""How many rows a worker is given at once."""

OBJECT_STORE_BYTES = 75 * 1024 * 1024
"""The memory that workers share. It is the least that Ray takes, and what does not fit goes to the disk."""

CPUS = 0.5
"""How much of a processor a worker takes: it mostly waits."""

NO_LIMIT = -1.0
"""Rows may wait for a quota for hours, and Ray would end a pipeline that makes no progress for half an hour."""

_token: str | None = None


class RayCluster:
    """A cluster of Ray.

    Args:
        address: The address of a cluster, as `ray.init` takes it. None starts one on this machine, on loopback only.
        workers: How many workers to use.
        env: Variables for the workers of a cluster of our own, such as keys. They get them by their environment only.
    """

    def __init__(self, address: str | None, workers: int, env: Mapping[str, str]) -> None:
        self._address, self._workers, self._env = address, workers, dict(env)
        self._undo = contextlib.ExitStack()

    def open(self) -> None:
        """Start the cluster, or connect to it.

        Raises:
            BatchError: Ray is not installed, or the cluster cannot be started or reached.
        """
        try:
            if self._address is None:
                self._start()
            else:
                self._ray = _imported()
                self._ray.init(address=self._address, log_to_driver=False, logging_level="ERROR")
        except BatchError:
            self._undo.close()
            raise
        except (Exception, SystemExit) as error:
            self._undo.close()
            raise BatchError(f"Ray cannot be used: {_last_line(error)}") from None

    def close(self) -> None:
        """Leave the cluster, and end it if it is our own."""
        self._ray.shutdown()
        self._undo.close()

    @property
    def machines(self) -> int:
        """How many machines the cluster has."""
        return sum(bool(node["Alive"]) for node in self._ray.nodes())

    def ask(self, plan: Plan, items: Sequence[Item]) -> Iterator[list[Report]]:
        """Yield the reports on the rows, a block at a time, as the workers send them.

        Raises:
            BatchError: Ray cannot go on.
        """
        data = self._ray.data
        rows = [msgspec.structs.asdict(item) for item in items]
        blocks = -(-len(rows) // BLOCK_ROWS)
        size = min(self._workers, blocks)
        try:
            reports = data.from_items(rows, override_num_blocks=blocks).map_batches(
                Worker,
                batch_size=None,
                batch_format="pyarrow",
                compute=data.ActorPoolStrategy(size=size),
                num_cpus=CPUS,
                fn_constructor_args=(plan,),
            )
            for block in reports.iter_batches(batch_size=None, prefetch_batches=0, batch_format="pyarrow"):
                yield [msgspec.convert(report, Report) for report in block.to_pylist()]
        except Exception as error:
            raise BatchError(f"Ray ended: {_last_line(error)}") from None

    def _start(self) -> None:
        folder = tempfile.mkdtemp(prefix="ray-")  # short, as the paths of sockets are bounded
        self._undo.callback(shutil.rmtree, folder, ignore_errors=True)
        self._undo.enter_context(_environment({**self._env, **_private()}))
        self._ray = _imported()
        self._ray.init(
            address="local",
            num_cpus=self._workers,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
            _temp_dir=folder,
        )


def _private() -> dict[str, str]:
    """Return variables that keep a cluster to this process, and it quiet.

    Without a token, every user of this machine could run code in the cluster, and Ray's own would stay in `~/.ray`. Ray reads
    it once, when it is imported.
    """
    global _token
    if _token is None and "ray" not in sys.modules:
        _token = secrets.token_hex(32)
    token = {} if _token is None else {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _token}
    return {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal", **token}


def _imported() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise BatchError(missing_package(error.name or "ray", EXTRA)) from None
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # we say ourselves what went wrong
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = NO_LIMIT
    return ray


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, which the processes of Ray inherit, for as long as the context lasts."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _last_line(error: BaseException) -> str:
    """Return what an error says. Before it stands the traceback of the worker."""
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
