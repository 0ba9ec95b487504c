"""Read nothing after the handshake."""

import time

from speaking import initialize

initialize()
time.sleep(60)
