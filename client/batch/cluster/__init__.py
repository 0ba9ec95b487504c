"""Run a batch on Ray: workers that ask, in processes of their own on one machine or many.

Ray starts the workers, gives them blocks of rows, and starts them again if they die. A block is then given out again from its
beginning. So each worker writes down in a journal outside of Ray what it asks and what it is answered (`shared_journal.py`),
and leaves out what is settled there.
"""
