"""Provide servers with one fault each, one per file. They are run as programs: `python tests/misbehaving/exits_at_once.py`."""
