"""Answer with 50 MB of text."""

from speaking import answer, asked, serve

answer(asked(), {"content": [{"type": "text", "text": "x" * 50_000_000}]})
serve()
