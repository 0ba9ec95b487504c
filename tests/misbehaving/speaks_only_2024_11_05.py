"""Refuse every message that is not part of version 2024-11-05."""

from speaking import answer, read, refuse

AGREED = {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}}
while True:
    request = read()
    if request["method"] == "initialize":
        answer(request, AGREED)
    elif request["method"] == "tools/call" and "protocolVersion" not in str(request["params"].get("_meta")):
        answer(request)
    elif "id" in request:
        refuse(request, -32601, "Method not found")
