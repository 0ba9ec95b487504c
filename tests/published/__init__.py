"""Make the forms in which the servers are published, one for each channel, from the project's own data.

`bash run_with_env.sh -m tests.published [FOLDER]` writes them. `docs/publishing.md` says what each channel takes.
"""
