"""Ask a model a file of prompts: journal, pace, a sum of money that holds. Start with `Batch` and `run_batch`."""

from __future__ import annotations

from mcp_models.client.batch.batch import Batch, arun_batch, run_batch
from mcp_models.client.batch.errors import BatchError, InputError, OutputError
from mcp_models.client.batch.summary import Summary

__all__ = ["Batch", "BatchError", "InputError", "OutputError", "Summary", "arun_batch", "run_batch"]
