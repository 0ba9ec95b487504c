"""Reads, and never answers."""

from speaking import read

while True:
    read()
