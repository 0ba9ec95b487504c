"""Answers with a line that is no JSON."""

from speaking import asked, serve, write

asked()
write("oops")
serve()
