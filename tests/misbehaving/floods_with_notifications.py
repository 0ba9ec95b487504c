"""Send 50,000 notifications before the answer."""

from speaking import answer, asked, raw, serve

request = asked()
for kind in (b"message", b"progress", b"unheard_of"):
    line = b"""{"jsonrpc":"2.0","method":"notifications/%s","params":{"progressToken":7,"progress":1,"data":"x"}}\n""" % kind
    raw(line * 17_000)
answer(request)
serve()
