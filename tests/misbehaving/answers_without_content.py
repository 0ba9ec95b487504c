"""Answers with an object that is no tool result."""

from speaking import answer, asked, serve

answer(asked(), {"output": "hi"})
serve()
