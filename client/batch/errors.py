"""Define the errors that keep a whole batch from running. A row's own failure stands in the output."""

from __future__ import annotations


class BatchError(Exception):
    """The batch cannot run, or cannot go on. The message says what to do."""


class InputError(BatchError):
    """The input cannot be read, or is not what it was when the batch began."""


class OutputError(BatchError):
    """The output or its journal cannot be used, or is used by another run."""
