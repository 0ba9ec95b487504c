"""Keep the ledger: a row for each call, in one database that all servers and models share, and the budget that it enforces.

The rest of the core knows `recorder.py` only. What a call leaves goes into a file at once (`pending.py`), so that it survives
the process, and from there into the database in a thread (`writer.py`), after the answer is on its way.
"""
