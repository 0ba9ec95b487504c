"""Let an agent of LangChain use the servers in a file of `mcpServers`: `python langchain_agent.py FILE QUESTION`."""

import asyncio
import json
import os
import sys
from pathlib import Path

from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_openai import ChatOpenAI


async def ask(file, question):
    servers = json.loads(file.read_text(encoding="utf-8"))["mcpServers"]
    fields = ("command", "args", "env")  # it refuses the others
    client = MultiServerMCPClient(
        {
            name: {"transport": "stdio", **{field: entry[field] for field in fields if field in entry}}
            for name, entry in servers.items()
        }
    )
    model = ChatOpenAI(model="fake", base_url=os.environ["FAKE_URL"], api_key="made-up")
    agent = create_agent(model, await client.get_tools())
    answer = await agent.ainvoke({"messages": [("user", question)]})
    print(answer["messages"][-1].content)


asyncio.run(ask(Path(sys.argv[1]), sys.argv[2]))
