"""Print a banner and a log line before the first message."""

from speaking import serve, initialize, write

write("Welcome to Server 1.0!")
write("[info] listening")
initialize()
serve()
