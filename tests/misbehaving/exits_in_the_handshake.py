"""Exit after reading the handshake."""

import sys

from speaking import read

read()
sys.exit(4)
