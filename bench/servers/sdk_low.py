"""Serve the same echo tool with the official SDK's low-level server."""

import asyncio

import mcp_types as types
from mcp.server import Server
from mcp.server.stdio import stdio_server

TOOL = types.Tool(
    name="complete",
    input_schema={"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]},
)


async def list_tools(_context, _params):
    return types.ListToolsResult(tools=[TOOL])


async def call_tool(_context, params):
    return types.CallToolResult(content=[types.TextContent(type="text", text=params.arguments["prompt"])])


async def main():
    server = Server("echo", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


asyncio.run(main())
