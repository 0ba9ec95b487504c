"""Serve the tools in the first argument. Every call is answered with the result in the second one."""

import json
import sys


def result(request):
    if request["method"] == "initialize":
        version = request["params"]["protocolVersion"]
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "offers", "version": "1"}}
    return {"tools": json.loads(sys.argv[1])} if request["method"] == "tools/list" else json.loads(sys.argv[2])


for line in sys.stdin:
    request = json.loads(line)
    if request.get("method") == "server/discover":
        answer = {"error": {"code": -32601, "message": "Method not found"}}
    else:
        answer = {"result": result(request)} if "id" in request else None
    if answer:
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}), flush=True)
