"""Serve as the floor: a loop that reads a line, parses it and answers, with hardly any protocol."""

import json
import sys

for line in sys.stdin:
    request = json.loads(line)
    if request.get("method") == "initialize":
        result = {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "floor", "version": "1"},
        }
    elif request.get("method") == "tools/list":
        result = {"tools": [{"name": "complete", "inputSchema": {"type": "object"}}]}
    elif request.get("method") == "tools/call":
        text = request["params"]["arguments"]["prompt"]
        result = {"content": [{"type": "text", "text": text}], "isError": False}
    else:
        continue
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}) + "\n")
    sys.stdout.flush()
