"""Does not read what it is sent after the handshake."""

import time

from speaking import initialize

initialize()
time.sleep(60)
