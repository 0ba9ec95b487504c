"""Generate unusual host files with hypothesis: JSON with comments, TOML and YAML."""

from __future__ import annotations

import json

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

NEWLINES = st.sampled_from(["\n", "\r\n"])
NAMES = st.one_of(
    st.sampled_from(["a", "b", "command", "mcpServers2", "$schema", "é", "𝒳", "with space", "x.y", "", "//", "/*", "openai2"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6),
)
RESERVED = ("mcpServers", "openai", "echo")
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "// no comment", "/* nor this */", ",]", '"', "\\", "${OPENAI_API_KEY}", "[mcp_servers.openai]", "\u2028"]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8),
)


@st.composite
def blanks(draw: DrawFn, newline: str) -> str:
    """Draw what may be between two words of JSON."""
    pieces = ["", " ", "\t", newline, f"{newline}  ", f"{newline}\t", "/* c */", "/**/", '/* "x": { */', f"// c{newline}"]
    return "".join(draw(st.lists(st.sampled_from(pieces), max_size=2)))


@st.composite
def written(draw: DrawFn, value: object, newline: str) -> str:
    """Draw a value in a layout that a person may have chosen."""
    if isinstance(value, dict):
        members = [
            draw(blanks(newline))
            + json.dumps(key, ensure_ascii=draw(st.booleans()))
            + draw(blanks(newline))
            + ":"
            + draw(blanks(newline))
            + draw(written(item, newline))
            + draw(blanks(newline))
            for key, item in value.items()
        ]
        has_trailing: bool = draw(st.booleans())
        trailing = "," + draw(blanks(newline)) if members and has_trailing else ""
        return "{" + ",".join(members) + trailing + ("" if members else draw(blanks(newline))) + "}"
    if isinstance(value, list):
        has_trailing = draw(st.booleans())
        trailing = "," if value and has_trailing else ""
        return "[" + ",".join(draw(written(item, newline)) for item in value) + trailing + draw(blanks(newline)) + "]"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))


def values() -> SearchStrategy[object]:
    """Return a strategy for any JSON value."""
    return st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
    )


@st.composite
def jsonc_documents(draw: DrawFn) -> str:
    """Draw a file of JSON with comments. It may have servers or a byte order mark, or be empty."""
    newline = draw(NEWLINES)
    around = draw(blanks(newline)), draw(blanks(newline))
    if draw(st.integers(0, 7)) == 0:
        return draw(st.sampled_from(["", "\ufeff"])) + "".join(around)
    names = NAMES.filter(lambda name: name not in RESERVED)
    data = draw(st.dictionaries(names, values(), max_size=3))
    if draw(st.booleans()):
        data["mcpServers"] = draw(st.dictionaries(names, values(), max_size=3))
        data = dict(draw(st.permutations(list(data.items()))))
    return draw(st.sampled_from(["", "\ufeff"])) + around[0] + draw(written(data, newline)) + around[1]


TOML_LINES = (
    "",
    "# a comment",
    "  # [mcp_servers.openai]",
    "key{n} = 1",
    "key{n} = 'C:\\path' # why",
    'key{n} = """\n[mcp_servers.openai]\ncommand = "no"\n"""',
    "key{n} = '''\n[mcp_servers.openai]\n'''",
    "key{n} = [\n  [1, 2],\n  ['[mcp_servers.x]'],\n]",
    "key{n} = { a = 1, b = [2] }",
    "[table{n}]",
    "[ mcp_servers . other{n} ] # mine",
    '[mcp_servers."with space{n}"]',
    "[mcp_servers.other{n}.env]",
    "[[tables{n}]]",
    'é{n} = "ü"'.replace("é{n}", '"é{n}"'),
    "date{n} = 2026-11-26T09:00:00Z",
)


@st.composite
def toml_documents(draw: DrawFn) -> str:
    """Draw a file of TOML with tables, multi-line strings, and comments that look like tables."""
    newline = draw(NEWLINES)
    lines = [line.replace("{n}", str(n)) for n, line in enumerate(draw(st.lists(st.sampled_from(TOML_LINES), max_size=8)))]
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n", "\n# the end"]))
    return draw(st.sampled_from(["", "\ufeff"])) + text.replace("\n", newline)


YAML_BLOCKS = (
    "# a comment\n",
    "\n",
    "GOOSE_MODEL{n}: gpt\n",
    "text{n}: |\n  extensions:\n    openai: no\n\n",
    "list{n}:\n- a\n- [ b,  c ]\n",
    "list{n}:\n  - a: 1\n    b: 'two'\n",
    'quoted{n}: "ü # no comment"   # why\n',
    "flow{n}: {a: 1,  b: [2]}\n",
)
YAML_SECTIONS = (
    "",
    "extensions:\n",
    "extensions: {}\n",
    "extensions: {} # none yet\n",
    "extensions:\n  developer:\n    enabled: true # always\n    type: builtin\n",
    'extensions:\n    developer:\n        enabled: true\n        args: [ "-y" ]\n    # the end of it\n',
    "extensions:\n  memory:\n    text: |\n      openai: no\n  \n",
    "extensions:\n  developer: {enabled: true}\n\n",
)


@st.composite
def yaml_documents(draw: DrawFn) -> str:
    """Draw a settings file of Goose."""
    newline = draw(NEWLINES)
    blocks = [block.replace("{n}", str(n)) for n, block in enumerate(draw(st.lists(st.sampled_from(YAML_BLOCKS), max_size=4)))]
    blocks.insert(draw(st.integers(0, len(blocks))), draw(st.sampled_from(YAML_SECTIONS)))
    text = "".join(blocks)
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    return draw(st.sampled_from(["", "\ufeff"])) + text.replace("\n", newline)
