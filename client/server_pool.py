"""Share servers, so that models with the same command, environment and folder use the same process."""

from __future__ import annotations

import os
import threading
from collections import deque

from mcp_models.client import fork_safety
from mcp_models.client.server_handle import ServerHandle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    from mcp_models.client.remote_server import Address

    Key: TypeAlias = tuple[Any, ...]


class Lease:
    """One user's claim on a shared server. The server runs until all leases on it are released.

    Attributes:
        server: The server.
    """

    def __init__(self, pool: ServerPool, key: Key, server: ServerHandle) -> None:
        self._pool, self._key, self.server = pool, key, server

    def release(self) -> None:
        """Release the server. The last release ends it. You can call this twice, and from a garbage collection."""
        self._pool.release(self, self._key)


class ServerPool:
    """The shared servers in use, and the leases on each of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[Key, ServerHandle] = {}
        self._leases: dict[Key, set[Lease]] = {}
        self._released: deque[tuple[Lease, Key]] = deque()
        fork_safety.remember(self)

    def __len__(self) -> int:
        return len(self._servers)

    def __repr__(self) -> str:
        return f"ServerPool({len(self)} servers)"

    def lease(self, command: Sequence[str], env: Mapping[str, str], start_timeout: float) -> Lease:
        """Return a lease on the server for a command. The server starts on its first call.

        Args:
            command: The server's program and arguments.
            env: The server's whole environment.
            start_timeout: Seconds that the server may take to start.
        """
        cwd = _current_folder()
        key = (tuple(command), _digest(env), cwd, start_timeout)
        return self._lease(key, lambda: ServerHandle(command, env=env, cwd=cwd, start_timeout=start_timeout))

    def lease_remote(self, address: Address, start_timeout: float) -> Lease:
        """Return a lease on the server at an address. It is connected to on its first call.

        Args:
            address: Where the server is.
            start_timeout: Seconds that the connection and the handshake may take.
        """
        from mcp_models.client.remote_server import RemoteServer

        key = (address.url, _digest({"token": address.token or ""}), start_timeout)
        return self._lease(key, lambda: RemoteServer(address, start_timeout))

    def _lease(self, key: Key, create: Callable[[], ServerHandle]) -> Lease:
        with self._lock:
            if key not in self._servers:
                self._servers[key] = create()
                self._leases[key] = set()
            lease = Lease(self, key, self._servers[key])
            self._leases[key].add(lease)
        self._take_back()
        return lease

    def release(self, lease: Lease, key: Key) -> None:
        """Take a lease back. If another thread holds the lock, that thread does it when it lets go, so this never waits.

        A garbage collection may call this at any moment, even in a thread that holds the lock itself.
        """
        self._released.append((lease, key))
        self._take_back()

    def after_fork(self) -> None:
        """Replace the lock, as a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def _take_back(self) -> None:
        while self._released and self._lock.acquire(blocking=False):
            try:
                unused = self._without(*self._released.popleft())
            except IndexError:  # another thread took it first
                unused = None
            finally:
                self._lock.release()
            if unused is not None:
                unused.close()

    def _without(self, lease: Lease, key: Key) -> ServerHandle | None:
        """Forget a lease, and return its server if nobody else uses it."""
        leases = self._leases.get(key, set())
        if lease not in leases:
            return None
        leases.discard(lease)
        if leases:
            return None
        del self._leases[key]
        return self._servers.pop(key)


POOL = ServerPool()


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # the folder has been removed
        return None


def _digest(env: Mapping[str, str]) -> str:
    """Return a digest that identifies an environment without revealing its values."""
    import hashlib

    return hashlib.sha256(repr(sorted(env.items())).encode("utf-8", "surrogateescape")).hexdigest()
