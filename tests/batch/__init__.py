"""Check the promises of `mcp-models batch` with many rows, refusals and kills: `bash run_with_env.sh -m tests.batch`."""
