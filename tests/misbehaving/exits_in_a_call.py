"""Exit in the middle of a call."""

import sys

from speaking import asked

asked()
sys.exit(5)
