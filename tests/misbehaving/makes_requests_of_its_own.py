"""Ask the client for things that clients may offer, and answer the call after being refused."""

from speaking import answer, asked, read, serve, write

request = asked()
write("""{"jsonrpc": "2.0", "id": "s1", "method": "ping"}""")
assert read() == {"jsonrpc": "2.0", "id": "s1", "result": {}}
write("""{"jsonrpc": "2.0", "id": "s2", "method": "sampling/createMessage", "params": {}}""")
assert read()["error"]["code"] == -32601
answer(request)
serve()
