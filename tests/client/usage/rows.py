"""Rows of a made-up month: the same every time, around a fixed day."""

from __future__ import annotations

from mcp_models.servers.core.ledger.row import NANO, Row

NOON = 1_795_694_400.0  # 2026-11-26 12:00 UTC
DAY = 86_400.0

_MODELS = [
    # provider, model, host, dollars per million tokens in and out, milliseconds for the first answer
    ("openai", "gpt-5.2", "claude-code", 1.75, 14.0, 2_400),
    ("anthropic", "claude-sonnet-4-6", "claude-code", 3.0, 15.0, 3_100),
    ("google_ai_studio", "gemini-3.6-flash", "cursor", 0.3, 2.5, 900),
    ("ollama", "llama3.2", None, 0.0, 0.0, 5_200),
]
_ERRORS = ("rate_limit", "timeout", "rate_limit", "overloaded", "billing")


def row(number: int, started: float = NOON, **fields: object) -> Row:
    """Return the row of a call that was answered, with some fields other than usual. Costs are in billionths of a dollar."""
    made = Row(f"row-{number}", started, "openai", "gpt-5.2", "tests", 1_200)
    made.model, made.input_tokens, made.output_tokens, made.cost, made.stop_reason = "gpt-5.2", 10, 20, NANO // 1000, "end_turn"
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def month(days: int = 14, now: float = NOON) -> list[Row]:
    """Return the rows of some days, with several models, a few errors, a cache and a cost that is not known."""
    made: list[Row] = []
    for day in range(days):
        for model in range(len(_MODELS)):
            calls = 3 + (day * 5 + model * 3) % 7
            made += [_made_up(len(made) + call, now - day * DAY, model, call) for call in range(calls)]
    return made


def _made_up(number: int, day: float, model: int, call: int) -> Row:
    provider, name, host, price_in, price_out, milliseconds = _MODELS[model]
    made = row(number, day - call * 600, provider=provider, model_asked=name, model=name, host=host)
    tokens_in, tokens_out = 1_500 + 900 * ((number * 7) % 11), 200 + 120 * ((number * 5) % 13)
    made.input_tokens, made.output_tokens = tokens_in * 10, tokens_out * 5
    made.cost = round((made.input_tokens * price_in + made.output_tokens * price_out) * NANO / 1_000_000)
    made.latency_ms = milliseconds + (number * 331) % milliseconds
    made.cache_savings = made.cost // 5 if number % 4 == 0 else 0
    if number % 23 == 5:
        made.error_type, made.model, made.cost, made.stop_reason = _ERRORS[number % 5], None, None, None
        made.input_tokens = made.output_tokens = None
        made.refused = made.error_type == "billing"
    elif number % 41 == 7:
        made.cost = None
    return made
