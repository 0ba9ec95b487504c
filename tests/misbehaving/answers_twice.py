"""Answer every request twice."""

from speaking import answer, asked, read

request = asked()
while True:
    if "id" in request:
        answer(request)
        answer(request)
    request = read()
