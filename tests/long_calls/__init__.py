"""Collect answers that take longer than real hosts wait: `bash run_with_env.sh -m tests.long_calls`."""
