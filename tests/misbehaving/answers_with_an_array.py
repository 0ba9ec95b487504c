"""Answer with JSON that is not a message."""

from speaking import asked, serve, write

asked()
write("[]")
serve()
