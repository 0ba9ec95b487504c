"""Answers the first call when it is cancelled, so too late."""

from speaking import answer, asked, read, serve

late = asked()
assert read()["method"] == "notifications/cancelled"
answer(late, {"content": [{"type": "text", "text": "late"}]})
serve()
