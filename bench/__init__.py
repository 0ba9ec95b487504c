"""Measure what the bridge costs, compared with what you would use instead. Run `bash run_with_env.sh -m bench`."""
