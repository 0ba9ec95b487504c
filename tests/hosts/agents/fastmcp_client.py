"""Call the tool `complete` with FastMCP's client, from a file of `mcpServers`: `python fastmcp_client.py FILE PROMPT`."""

import asyncio
import json
import sys
from pathlib import Path

from fastmcp import Client


async def call(file, prompt):
    async with Client(json.loads(file.read_text(encoding="utf-8"))) as client:
        print((await client.call_tool("complete", {"prompt": prompt})).content[0].text)


asyncio.run(call(Path(sys.argv[1]), sys.argv[2]))
