"""Answer with an object that is not a tool result."""

from speaking import answer, asked, serve

answer(asked(), {"output": "hi"})
serve()
