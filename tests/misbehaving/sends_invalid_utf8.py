"""Answer with a byte that is not valid UTF-8."""

from speaking import asked, raw, serve

request = asked()
raw(b"""{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"a\xffb"}]}}\n""" % request["id"])
serve()
