"""Secrets: known values are removed everywhere, and what looks like a key is removed from errors and logs."""

from __future__ import annotations

import os

import pytest

from mcp_models.servers.core import redaction

SECRET = "a-very-private-value"


@pytest.fixture(autouse=True)
def no_known_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", [])
    monkeypatch.setattr(redaction, "_words", set())


@pytest.mark.parametrize(
    "name", ["OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN", "SOME_SECRET", "DB_PASSWORD", "PGPASSWORD", "my_api_key"]
)
def test_the_values_of_credentials_in_the_environment_are_removed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, f" {SECRET}\n")
    redaction.protect_environment()
    assert redaction.redact(f"with {SECRET}!") == "with [redacted]!"
    assert redaction.redact_values(f"with {SECRET}!") == "with [redacted]!"


@pytest.mark.parametrize("name", ["KEYBOARD", "TOKENIZERS_PARALLELISM", "PATH"])
def test_other_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, SECRET)
    redaction.protect_environment()
    assert SECRET in redaction.redact(SECRET)


@pytest.mark.parametrize("value", ["created_at", "customer", "function", "Next Page"])
def test_a_value_of_words_is_removed_from_errors_and_not_from_answers(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SORT_KEY", value)
    redaction.protect_environment()
    assert redaction.redact_values(f"ORDER BY {value}") == f"ORDER BY {value}"
    assert redaction.redact(f"ORDER BY {value}") == "ORDER BY [redacted]"
    redaction.protect(value)  # as a provider's own key it is one
    assert redaction.redact_values(f"ORDER BY {value}") == "ORDER BY [redacted]"


def test_a_placeholder_is_no_secret() -> None:
    redaction.protect("ollama")
    assert redaction.redact("Ollama and ollama") == "Ollama and ollama"


def test_the_longer_of_two_keys_goes_first() -> None:
    redaction.protect("abcdefgh")
    redaction.protect("abcdefghijkl")
    assert redaction.redact("abcdefghijkl") == "[redacted]"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        *((f"with {key}, and", "with [redacted], and") for key in ["ghp_" + "a1" * 18, "gsk_" + "a1" * 20, "xai-" + "a1" * 20]),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "[redacted]"),
        ("Incorrect API key provided: sk-proj-****6789.", "Incorrect API key provided: [redacted]."),
        ("sk-ant-api03-xyz_1-2", "[redacted]"),
        ("AIzaSyA1234567890", "[redacted]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ("https://host/v1?key=abc&alt=sse", "https://host/v1?key=[redacted]&alt=sse"),
        ("http://me:pw@proxy:80/x", "http://[redacted]@proxy:80/x"),
        ("a task-oriented risk-averse desk-lamp-thing", "a task-oriented risk-averse desk-lamp-thing"),
    ],
)
def test_what_looks_like_a_key_is_removed_from_errors(text: str, clean: str) -> None:
    assert redaction.redact(text) == clean


def test_a_models_words_keep_what_only_looks_like_a_key() -> None:
    assert redaction.redact_values("use sk-example-key-123") == "use sk-example-key-123"


def test_a_record_is_cleaned_to_its_depth() -> None:
    redaction.protect(SECRET)
    record = {"a": [SECRET, {SECRET: SECRET}], "n": 1}
    assert redaction.redact_record(record) == {"a": ["[redacted]", {"[redacted]": "[redacted]"}], "n": 1}


def test_the_log_is_redacted_and_never_blocks() -> None:
    redaction.protect(SECRET)
    reading, writing = os.pipe()
    log = redaction.RedactedLog(writing)
    print("log:", SECRET, "\ud800", file=log)
    assert os.read(reading, 1000) == b"log: [redacted] \\ud800\n"
    print("x" * 1_000_000, file=log)
    os.close(reading)
    print("nobody reads", file=log)
    os.close(writing)


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_a_text_in_pieces_shows_no_key_that_falls_on_a_seam(size: int) -> None:
    redaction.protect(SECRET)
    whole = f"before {SECRET} between a-very-private {SECRET}"
    text = redaction.RedactedText()
    pieces = [text.feed(whole[start : start + size]) for start in range(0, len(whole), size)]
    assert "".join([*pieces, text.rest()]) == "before [redacted] between a-very-private [redacted]"


def test_without_keys_every_piece_is_shown_at_once() -> None:
    text = redaction.RedactedText()
    assert [text.feed("one"), text.feed(" two"), text.rest()] == ["one", " two", ""]
