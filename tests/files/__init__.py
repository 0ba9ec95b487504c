"""Attach a file by its path through real hosts, and measure what it saves: `bash run_with_env.sh -m tests.files`."""
