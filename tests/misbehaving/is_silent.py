"""Never answer a call."""

from speaking import asked, read

asked()
while True:
    read()
