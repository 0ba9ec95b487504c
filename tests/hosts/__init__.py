"""Drive real MCP hosts: install our server into each, let its model call the tool, and take the server out again.

`bash run_with_env.sh -m tests.hosts` prints the table and writes `docs/hosts.md`. Each host runs in a private home. Its model
is a fake on loopback that asks for our tool, and checks that the answer reached it.
"""
