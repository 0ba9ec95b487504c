"""Answer a request that nobody made."""

from speaking import answer, asked, serve

answer({**asked(), "id": 99})
serve()
