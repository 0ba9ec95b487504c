"""Answer all calls except those with the prompt `drop me`."""

from speaking import answer, asked, read

request = asked()
while True:
    if "id" in request and request["params"]["arguments"]["prompt"] != "drop me":
        answer(request)
    request = read()
