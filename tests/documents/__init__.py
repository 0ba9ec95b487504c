"""Make the parts of the documents that follow from the code: `python -m tests.documents` writes them anew."""
