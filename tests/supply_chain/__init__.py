"""Check what the project is made from: licences, known vulnerabilities, workflows, and a wheel that anyone can make again.

The tools are installed in an environment of their own, from `requirements.lock` in this folder.
"""
