"""Measure what tapes promise: `bash run_with_env.sh -m tests.tapes`. Real hosts are recorded, and get the same again."""
