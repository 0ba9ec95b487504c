"""Print a debug line in the middle of a call."""

from speaking import answer, asked, serve, write

request = asked()
write("DEBUG got a request")
answer(request)
serve()
