"""Update the parts of the documents that depend on the code: `python -m tests.documents`."""

from __future__ import annotations

from tests.documents.pages import PAGES, page, written

if __name__ == "__main__":
    for name in PAGES:
        page(name).write_text(written(name), encoding="utf-8")
