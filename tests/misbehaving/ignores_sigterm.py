"""Answer calls, but do not end for anything except SIGKILL."""

import signal
import time

from speaking import answer, asked

signal.signal(signal.SIGTERM, signal.SIG_IGN)
answer(asked())
while True:
    time.sleep(60)
