"""Answer the handshake of either era with an error."""

from speaking import read, refuse

while True:
    refuse(read(), -32000, "go away")
