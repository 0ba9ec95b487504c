"""Make the tables of the presets from their rows."""

from __future__ import annotations

import re

from mcp_models.servers.preset import ALL_PARAMETERS, FIRST_LISTED, NO_MODEL, Preset
from mcp_models.servers.presets import PRESETS

HEAD = f"| server | address | key | default model | schema | images | dropped | thinking in | cost |\n{'|---' * 9}|\n"
EVIDENCE = "| server | checked on | documented only | sources |\n|---|---|---|---|\n"


def table() -> str:
    """Return what each row says of its API, and how well it is known."""
    rows = PRESETS.values()
    return f"{HEAD}{''.join(map(_facts, rows))}\n{EVIDENCE}{''.join(map(_evidence, rows))}"


def _facts(row: type[Preset]) -> str:
    key = ", else ".join(f"`{name}`" for name in row.key_variables) if row.needs_key else f"none, or `{row.key_variables[0]}`"
    cells = [
        f"`{row.name}`",
        row.own_url,
        key,
        "the first listed" if row.default_model == FIRST_LISTED else f"`{row.default_model}`",
        _schema(row),
        row.images,
        _dropped(row),
        re.sub(r"reasoning_content|reasoning|<think>", r"`\g<0>`", row.thinking_in),
        _cost(row),
    ]
    return f"| {' | '.join(cells)} |\n"


def _schema(row: type[Preset]) -> str:
    words = ["as a schema" if row.schema == "json_schema" else "as JSON, the schema in the instructions"]
    if row.takes_strict:
        words.append(f"strict for {_models(row.takes_strict)}")
    if not row.streams_schema:
        words.append("not streamed")
    return "; ".join(words)


def _dropped(row: type[Preset]) -> str:
    words = [f"`{name}`" for name in sorted(ALL_PARAMETERS - row.parameters)]
    words += [f"{_names(names)} of {_models(pattern)}" for pattern, names in row.lacks.items()]
    words += [f"{_names(row.ignored_while_thinking)} while it thinks"] if row.ignored_while_thinking else []
    words += [f"`reasoning_effort` of {_models(pattern)}" for pattern, levels in row.efforts_by_model.items() if not levels]
    words += ["no default temperature"] if row.takes_default_temperature == NO_MODEL else []
    return "; ".join(words) or "–"


def _models(pattern: str) -> str:
    """Return the names that fit a pattern, as a reader would write them: `a-b…`, `a-c` for `a-(b|c$)`."""
    if not pattern:
        return "most models"
    before, _, group = pattern.partition("(")
    names = [before + alternative for alternative in group.removesuffix(")").split("|")]
    words = [name.removesuffix("$") if name.endswith("$") else f"{name}…" for name in names]
    return ", ".join(f"`{word.replace('.*', '…').replace(chr(92), '')}`" for word in words)


def _names(names: frozenset[str]) -> str:
    return " and ".join(f"`{name}`" for name in sorted(names))


def _cost(row: type[Preset]) -> str:
    if row.cost:
        return f"`usage.{row.cost[0]}`, as reported"
    return "list price" if row.price_list else "null"


def _evidence(row: type[Preset]) -> str:
    return f"| `{row.name}` | {row.checked_on} | {row.documented_only} | {row.sources} |\n"
