"""Exits when it has read the handshake."""

import sys

from speaking import read

read()
sys.exit(4)
