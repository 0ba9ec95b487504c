"""Settings from the environment: each one is checked when it is read."""

from __future__ import annotations

import pytest

from mcp_models.servers.core import settings
from mcp_models.servers.core.errors import ConfigurationError


def test_a_key_is_stripped() -> None:
    assert settings.key({"K": " made-up-key\n"}, "K", "set it.") == "made-up-key"


@pytest.mark.parametrize("env", [{}, {"K": ""}, {"K": "  "}])
def test_a_missing_key_is_named_with_its_cure(env: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="K is not set: set it"):
        settings.key(env, "K", "set it.")


@pytest.mark.parametrize("value", ["two\nlines", "two words", "ümlaut", "bell\a"])
def test_a_key_no_header_takes_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings.key({"K": value}, "K", "set it.")
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "https://default"),
        ("http://localhost:80/v1/", "http://localhost:80/v1"),
        ("https://[::1]:5", "https://[::1]:5"),
        ("HTTPS://Box/", "https://Box"),
    ],
)
def test_an_address(text: str, url: str) -> None:
    assert settings.base_url({"U": text}, "U", "https://default") == url


@pytest.mark.parametrize("text", ["http://box:80/v1", "HTTP://box", "http://localhost.example.com", "http://127.0.0.1@box"])
def test_another_machine_needs_encryption_unless_you_allow_plain_http(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"U: http:// to another machine .* MCP_MODELS_ALLOW_HTTP=1"):
        settings.base_url({"U": text}, "U", "")
    assert settings.base_url({"U": text, "MCP_MODELS_ALLOW_HTTP": "1"}, "U", "").startswith("http://")


@pytest.mark.parametrize(
    "text", ["box", "ftp://box", "http://", "http://bad host", "http://box:port", "http://[::1", "http://box?key=1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="U: expected a URL"):
        settings.base_url({"U": text, "MCP_MODELS_ALLOW_HTTP": "1"}, "U", "https://default")


def test_a_password_in_an_address_is_never_shown() -> None:
    from mcp_models.servers.core.redaction import redact

    url = settings.base_url({"U": "https://me:p@sswordtail@box:1/v1"}, "U", "")
    assert "sswordtail" not in redact(f"nothing answers at {url}")
    with pytest.raises(ConfigurationError) as caught:
        settings.base_url({"U": "http://me:pa/ssword@box"}, "U", "")
    assert "ssword" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost:1", True),
        ("http://127.0.0.2", True),
        ("http://[::1]:1", True),
        ("http://127.evil.example", False),
        ("http://box", False),
    ],
)
def test_loopback(url: str, loopback: bool) -> None:
    assert settings.is_loopback(url) is loopback


@pytest.mark.parametrize(("text", "seconds"), [("5", 5), ("0.5", 0.5), ("", 600)])
def test_the_default_deadline(text: str, seconds: float) -> None:
    assert settings.default_timeout({"MCP_MODELS_TIMEOUT": text}) == seconds


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
def test_a_senseless_deadline_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="MCP_MODELS_TIMEOUT"):
        settings.default_timeout({"MCP_MODELS_TIMEOUT": text})


@pytest.mark.parametrize(("text", "count"), [("0", 0), ("5", 5), ("", 2)])
def test_the_number_of_retries(text: str, count: int) -> None:
    assert settings.max_retries({"MCP_MODELS_MAX_RETRIES": text}) == count


@pytest.mark.parametrize("text", ["many", "-1", "1.5"])
def test_a_senseless_number_of_retries_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="MCP_MODELS_MAX_RETRIES"):
        settings.max_retries({"MCP_MODELS_MAX_RETRIES": text})
