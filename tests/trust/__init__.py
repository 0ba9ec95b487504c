"""Check the claims of trust: no key leaks, nothing gets in, no call is lost, and nothing grows without bound.

`bash run_with_env.sh -m tests.trust` checks all of them with large counts and prints a line for each. The tests in this
folder check the same claims with smaller counts.
"""
