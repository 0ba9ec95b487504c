// Asks our echo server with the TypeScript SDK of the major in the first argument, in the time that this SDK allows.
// Prints one line of JSON with each result's text and seconds. It is run beside the SDK's node_modules.
import { createRequire } from 'node:module';

const [major, request, command, ...args] = process.argv.slice(2);
const require = createRequire(`${process.cwd()}/`);
const [clients, transports] = {
  1: ['@modelcontextprotocol/sdk/client/index.js', '@modelcontextprotocol/sdk/client/stdio.js'],
  2: ['@modelcontextprotocol/client', '@modelcontextprotocol/client/stdio'],
}[major];
const { Client } = require(clients);
const { StdioClientTransport } = require(transports);

const client = new Client({ name: 'long-calls', version: '1' });
await client.connect(new StdioClientTransport({ command, args, env: process.env }));
const replies = [];
let next = JSON.parse(request);
while (next) {
  const started = performance.now();
  const { content } = await client.callTool({ name: 'complete', arguments: next });
  const text = content.map((block) => block.text).join('');
  replies.push({ text, seconds: Math.round((performance.now() - started) / 1000) });
  const task = text.match(/task_id: "(\w+)"/);
  next = task && { task_id: task[1] };
}
await client.close();
console.log(JSON.stringify(replies));
