"""Write to stderr without end while answering calls."""

import sys
import threading

from speaking import serve, initialize


def fill():
    while True:
        sys.stderr.write("noise " * 1000)


threading.Thread(target=fill, daemon=True).start()
initialize()
serve()
