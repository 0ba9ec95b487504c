"""Check the promises about money with many processes, kills and real databases: `bash run_with_env.sh -m tests.money`."""
