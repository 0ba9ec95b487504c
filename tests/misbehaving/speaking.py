"""Share what all misbehaving servers need: reading and writing lines, a handshake, and an answer."""

import json
import os
import sys

TEXT = {"content": [{"type": "text", "text": "hi"}]}
AGREED = {"protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}


def read():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


def write(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def raw(data):
    while data:
        data = data[os.write(1, data) :]


def answer(request, result=TEXT):
    write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}))


def refuse(request, code, message):
    write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message}}))


def initialize():
    answer(read(), AGREED)
    assert read()["method"] == "notifications/initialized"


def asked():
    """Do the handshake, and return the first call."""
    initialize()
    return read()


def serve():
    """Answer every further call."""
    while True:
        request = read()
        if "id" in request:
            answer(request)
