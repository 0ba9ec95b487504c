// Lists and calls the tools with the TypeScript SDK of the major that the first argument says; run beside its node_modules.
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const require = createRequire(`${process.cwd()}/`);
const [clients, stdio, http, eras] = {
  1: [
    '@modelcontextprotocol/sdk/client/index.js',
    '@modelcontextprotocol/sdk/client/stdio.js',
    '@modelcontextprotocol/sdk/client/streamableHttp.js',
    [{}],
  ],
  2: [
    '@modelcontextprotocol/client',
    '@modelcontextprotocol/client/stdio',
    '@modelcontextprotocol/client',
    [{ versionNegotiation: { mode: 'legacy' } }, { versionNegotiation: { mode: 'auto' } }],
  ],
}[process.argv[2]];
const { Client } = require(clients);
const { StdioClientTransport } = require(stdio);
const { StreamableHTTPClientTransport } = require(http);

function check(found, expected) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error(`${found} instead of ${expected}`);
}

function transport([command, ...args]) {
  if (command.startsWith('http:')) return new StreamableHTTPClientTransport(new URL(command));
  return new StdioClientTransport({ command, args, env: process.env });
}

async function talk(server, era) {
  const client = new Client({ name: 'acceptors', version: '1' }, era);
  try {
    await client.connect(transport(server.command));
    const { tools } = await client.listTools();
    check(tools.map((tool) => tool.name), server.tools.map((tool) => tool.name));
    if (server.arguments) {
      const result = await client.callTool({ name: 'complete', arguments: server.arguments });
      check(result.content[0].text, server.arguments.prompt);
    }
  } finally {
    await client.close();
  }
}

const verdicts = {};
for (const [name, server] of Object.entries(JSON.parse(await text(process.stdin)))) {
  try {
    for (const era of eras) await talk(server, era);
    verdicts[name] = 'accepted';
  } catch (error) {
    verdicts[name] = `${error.name}: ${error.message}`;
  }
}
console.log(JSON.stringify(verdicts));
