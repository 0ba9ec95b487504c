"""Exit in the middle of a line."""

import sys

from speaking import asked, raw

asked()
raw(b"""{"jsonrpc": "2.0", "id": 2, "resu""")
sys.exit(0)
