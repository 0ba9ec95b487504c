"""Answers with 50 MB."""

from speaking import answer, asked, serve

answer(asked(), {"content": [{"type": "text", "text": "x" * 50_000_000}]})
serve()
