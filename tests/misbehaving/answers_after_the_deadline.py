"""Answer the first call only when it is cancelled, which is too late."""

from speaking import answer, asked, read, serve

late = asked()
assert read()["method"] == "notifications/cancelled"
answer(late, {"content": [{"type": "text", "text": "late"}]})
serve()
