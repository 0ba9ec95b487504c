"""Turn the tools into function tools of openai-agents, strict and not, and call them as its runner does."""

import asyncio
import json

from agents import Agent, RunContextWrapper, set_tracing_disabled
from agents.mcp import MCPServerStdio, MCPUtil
from agents.tool_context import ToolContext
from verdicts import check_answer, check_tools, judge, parameters


async def talk(server):
    async with MCPServerStdio(params=parameters(server)) as session:
        agent = Agent(name="acceptors", mcp_servers=[session])
        for strict in (False, True):
            tools = await MCPUtil.get_all_function_tools([session], strict, RunContextWrapper(None), agent)
            check_tools(server, [tool.name for tool in tools])
            if server["arguments"]:
                await call(server, tools[0])


async def call(server, tool):
    arguments = json.dumps(server["arguments"])
    context = ToolContext(None, tool_name=tool.name, tool_call_id="1", tool_arguments=arguments)
    answer = await tool.on_invoke_tool(context, arguments)
    check_answer(server, answer["text"] if isinstance(answer, dict) else answer)


set_tracing_disabled(True)
judge(lambda server: asyncio.run(talk(server)))
