// The same echo tool on the official TypeScript SDK; it is run beside its node_modules.
import { McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

serveStdio(() => {
  const server = new McpServer({ name: 'echo', version: '1' }, { capabilities: { tools: {} } });
  const inputSchema = z.object({ prompt: z.string() });
  server.registerTool('complete', { inputSchema }, async ({ prompt }) => ({ content: [{ type: 'text', text: prompt }] }));
  return server;
});
