"""Does not read what it is sent after the handshake."""

import time

from speaking import shake_hands

shake_hands()
time.sleep(60)
