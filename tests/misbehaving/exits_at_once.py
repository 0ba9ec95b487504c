"""Exits without a word."""

import sys

sys.exit(3)
