"""Declare the tools with google-genai, in the one of its two ways that the first argument names."""

import sys

from google.genai import types
from verdicts import judge


def accept(server):
    for tool in server["tools"]:
        schema = {sys.argv[1]: tool["inputSchema"]}
        types.FunctionDeclaration(name=tool["name"], description=tool["description"], **schema)


judge(accept)
