"""Refuse `initialize`, and every request without the modern `_meta`."""

from speaking import TEXT, answer, read, refuse

refuse(read(), -32601, "Method not found: initialize")
request = read()
assert request["method"] == "server/discover"
server = {"name": "x", "version": "1"}
answer(request, {"supportedVersions": ["2026-07-28"], "capabilities": {}, "serverInfo": server, "resultType": "complete"})
while True:
    request = read()
    assert request["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    answer(request, {**TEXT, "resultType": "complete"})
