"""Answers, and lives on when its input ends."""

import time

from speaking import answer, asked

answer(asked())
time.sleep(60)
