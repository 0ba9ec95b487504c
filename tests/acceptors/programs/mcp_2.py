"""List and call the tools with the Python SDK 2.x, in both eras of the protocol."""

import asyncio

from mcp import Client, StdioServerParameters
from verdicts import check_answer, check_tools, judge, parameters


async def talk(server):
    for mode in ("legacy", "auto"):
        async with Client(StdioServerParameters(**parameters(server)), mode=mode) as session:
            check_tools(server, [tool.name for tool in (await session.list_tools()).tools])
            if server["arguments"]:
                result = await session.call_tool("complete", server["arguments"])
                check_answer(server, result.content[0].text)


judge(lambda server: asyncio.run(talk(server)))
