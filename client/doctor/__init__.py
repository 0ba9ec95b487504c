"""Check how providers and hosts are set up, and say how to mend what is broken.

A check is a function that yields findings. Each room of checks has one table of them: `PROVIDER_CHECKS` and `ENTRY_CHECKS`.
"""
