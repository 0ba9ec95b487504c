"""Writes to stderr without end, and answers."""

import sys
import threading

from speaking import serve, initialize


def fill():
    while True:
        sys.stderr.write("noise " * 1000)


threading.Thread(target=fill, daemon=True).start()
initialize()
serve()
