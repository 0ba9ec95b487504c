"""Prints a banner and a log line before it speaks."""

from speaking import serve, shake_hands, write

write("Welcome to Server 1.0!")
write("[info] listening")
shake_hands()
serve()
