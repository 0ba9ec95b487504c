"""Read servers, and write a verdict on each: what the acceptors' programs have in common."""

import json
import os
import sys

ACCEPTED = "accepted"


def judge(accept):
    """Read the servers from stdin and write the verdicts; `accept` raises where its SDK does."""
    verdicts = {}
    for name, server in json.load(sys.stdin).items():
        try:
            accept(server)
            verdicts[name] = ACCEPTED
        except Exception as error:
            verdicts[name] = _reason(error)
    json.dump(verdicts, sys.stdout)


def parameters(server):
    """How the Python SDKs want a server; by themselves they keep most variables from it."""
    command, *args = server["command"]
    return {"command": command, "args": args, "env": dict(os.environ)}


def check_tools(server, names):
    """Raise unless a client saw each tool of the server."""
    expected = [tool["name"] for tool in server["tools"]]
    if list(names) != expected:
        raise ValueError(f"{list(names)} instead of {expected}")


def check_answer(server, text):
    """Raise unless the echo came back."""
    if text != server["arguments"]["prompt"]:
        raise ValueError(f"the answer was {text!r}")


def _reason(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
