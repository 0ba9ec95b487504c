"""Share what all programs of the acceptors do: read the servers, and write a verdict on each."""

import json
import os
import sys

ACCEPTED = "accepted"


def judge(accept):
    """Read the servers from stdin and write the verdicts. `accept` raises an error if the SDK does."""
    verdicts = {}
    for name, server in json.load(sys.stdin).items():
        try:
            accept(server)
            verdicts[name] = ACCEPTED
        except Exception as error:
            verdicts[name] = _reason(error)
    json.dump(verdicts, sys.stdout)


def parameters(server):
    """Return a server's parameters for the Python SDKs, including the environment, which they would not pass on."""
    command, *args = server["command"]
    return {"command": command, "args": args, "env": dict(os.environ)}


def check_tools(server, names):
    """Raise an error unless a client saw each tool of the server."""
    expected = [tool["name"] for tool in server["tools"]]
    if list(names) != expected:
        raise ValueError(f"{list(names)} instead of {expected}")


def check_answer(server, text):
    """Raise an error unless the echo came back."""
    if text != server["arguments"]["prompt"]:
        raise ValueError(f"the answer was {text!r}")


def _reason(error):
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
