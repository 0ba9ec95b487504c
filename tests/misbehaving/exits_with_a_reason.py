"""Says on stderr why it exits."""

import sys

print("no licence found", file=sys.stderr)
sys.exit(3)
