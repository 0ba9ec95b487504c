"""Read everything, but never answer."""

from speaking import read

while True:
    read()
