"""One server a file, each with one fault. They are started as programs: `python tests/misbehaving/exits_at_once.py`."""
