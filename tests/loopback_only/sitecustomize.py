"""Refuses every connection that leaves this machine; on the path of each Python process the tests start."""

import sys


def _refuse(event: str, args: tuple[object, ...]) -> None:
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = str(args[1][0])
        if host not in ("localhost", "::1") and not host.startswith("127."):
            raise ConnectionRefusedError(f"a test tried to connect to {host}")


sys.addaudithook(_refuse)
