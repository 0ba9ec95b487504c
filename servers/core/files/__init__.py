"""Attach files that a person allowed to a prompt. Nothing here is imported before a call names a file.

`attach.py` is all that the service knows of it.
"""
