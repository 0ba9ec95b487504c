"""Let an agent of pydantic-ai use the servers in a file of `mcpServers`: `python pydantic_ai_agent.py FILE QUESTION`."""

import asyncio
import os
import sys

from pydantic_ai import Agent
from pydantic_ai.mcp import load_mcp_toolsets
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


async def ask(file, question):
    provider = OpenAIProvider(base_url=os.environ["FAKE_URL"], api_key="made-up")
    agent = Agent(OpenAIChatModel("fake", provider=provider), toolsets=load_mcp_toolsets(file))
    async with agent:
        print((await agent.run(question)).output)


asyncio.run(ask(sys.argv[1], sys.argv[2]))
