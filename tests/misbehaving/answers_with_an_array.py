"""Answers with JSON that is no message."""

from speaking import asked, serve, write

asked()
write("[]")
serve()
