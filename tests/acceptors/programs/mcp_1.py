"""List and call the tools with the Python SDK 1.x."""

import asyncio

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from verdicts import check_answer, check_tools, judge, parameters


async def talk(server):
    async with stdio_client(StdioServerParameters(**parameters(server))) as pipes, ClientSession(*pipes) as session:
        await session.initialize()
        check_tools(server, [tool.name for tool in (await session.list_tools()).tools])
        if server["arguments"]:
            result = await session.call_tool("complete", server["arguments"])
            check_answer(server, result.content[0].text)


judge(lambda server: asyncio.run(talk(server)))
