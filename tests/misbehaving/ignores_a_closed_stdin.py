"""Answer calls, but keep running when stdin is closed."""

import time

from speaking import answer, asked

answer(asked())
time.sleep(60)
