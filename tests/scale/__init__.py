"""Check replicas behind nginx with one ledger: kill one, restart all. Run `bash run_with_env.sh -m tests.scale`."""
