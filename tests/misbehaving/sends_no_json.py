"""Answer with a line that is not JSON."""

from speaking import asked, serve, write

asked()
write("oops")
serve()
