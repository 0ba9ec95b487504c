"""Write the reason to stderr and exit."""

import sys

print("no licence found", file=sys.stderr)
sys.exit(3)
