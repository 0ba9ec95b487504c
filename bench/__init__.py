"""What the bridge costs, against what a user would take instead: `bash run_with_env.sh -m bench`."""
