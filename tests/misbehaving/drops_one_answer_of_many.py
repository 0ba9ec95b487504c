"""Answers all calls but those that ask for nothing."""

from speaking import answer, asked, read

request = asked()
while True:
    if "id" in request and request["params"]["arguments"]["prompt"] != "drop me":
        answer(request)
    request = read()
