"""Answer with a protocol error."""

from speaking import asked, read, refuse

request = asked()
while True:
    refuse(request, -32602, "no such tool")
    request = read()
