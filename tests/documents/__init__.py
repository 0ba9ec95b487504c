"""Generate the parts of the documents that depend on the code. `python -m tests.documents` updates them."""
