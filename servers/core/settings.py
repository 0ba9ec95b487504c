"""Read settings from the environment: keys, addresses and limits. Each value is checked when it is read.

Every function takes the environment as a mapping. A server passes that of its process, a direct model one with your key.
"""

from __future__ import annotations

import functools

from mcp_models.servers.core import TIMEOUT_DEFAULT, errors, redaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Environment = Mapping[str, str]

TIMEOUT_VARIABLE = "MCP_MODELS_TIMEOUT"
RETRIES_VARIABLE = "MCP_MODELS_MAX_RETRIES"
RETRIES_DEFAULT = 2
LOG_VARIABLE = "MCP_MODELS_LOG"
LEDGER_VARIABLE = "MCP_MODELS_LEDGER"
BUDGET_VARIABLE = "MCP_MODELS_BUDGET"
FILES_VARIABLE = "MCP_MODELS_FILES"
ALLOW_HTTP_VARIABLE = "MCP_MODELS_ALLOW_HTTP"


def key(env: Environment, variable: str, cure: str) -> str:
    """Return a key from the environment. It is checked here, before an HTTP library can quote a bad one in an error.

    Args:
        env: The environment.
        variable: The environment variable that holds the key.
        cure: What to do if it is missing, worded as the end of a sentence.

    Raises:
        ConfigurationError: The key is missing, or has characters that an HTTP header cannot hold.
    """
    value = env.get(variable, "").strip()
    if not value:
        raise errors.MissingKeyError(f"{variable} is not set: {cure}")
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise errors.ConfigurationError(f"{variable} holds a space, a line break or another character no key has: set it anew.")
    redaction.protect(value)
    return value


def flag(env: Environment, variable: str) -> bool:
    """Return whether a switch is on. It is off if it is not set.

    Raises:
        ConfigurationError: The value is neither a yes nor a no.
    """
    text = env.get(variable, "").strip().lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("", "false", "0", "no", "off"):
        return False
    raise errors.ConfigurationError(f"{variable}: expected true or false, got {text!r}.")


def base_url(env: Environment, variable: str, default: str) -> str:
    """Return a provider's address, without a trailing slash.

    Args:
        env: The environment.
        variable: The environment variable that may override the address.
        default: The provider's own address.

    Raises:
        ConfigurationError: The value is not an http(s) URL, or leads to another machine without encryption.
    """
    return provider_url(env, env.get(variable, "").strip() or default, variable)


def provider_url(env: Environment, text: str, variable: str) -> str:
    """Return a provider's address, without a trailing slash, if prompts and keys may go there.

    Args:
        env: The environment. MCP_MODELS_ALLOW_HTTP=1 in it allows `http://` to other machines.
        text: The address.
        variable: The environment variable that it came from, for the error.

    Raises:
        ConfigurationError: As in `base_url`.
    """
    url = checked_url(text, variable)
    if url.startswith("https://") or is_loopback(url) or flag(env, ALLOW_HTTP_VARIABLE):
        return url
    raise errors.ConfigurationError(
        f"{variable}: http:// to another machine would send prompts and keys in plain text: "
        f"use https://, or set {ALLOW_HTTP_VARIABLE}=1 if you trust the network between."
    )


@functools.lru_cache(16)
def checked_url(text: str, variable: str) -> str:
    """Check a URL and return it without a trailing slash. The error names the variable that the URL came from."""
    from urllib.parse import urlsplit

    url = urlsplit("")
    try:
        url = urlsplit(text)
        sound = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:  # the port is not a number, or an IPv6 address is incomplete
        sound = False
    if not sound or len(text.split()) != 1 or url.query or url.fragment:
        # The URL is not quoted, as it may contain a password.
        raise errors.ConfigurationError(f"{variable}: expected a URL such as http://localhost:8080, without a query.")
    redaction.protect(url.netloc.rpartition("@")[0])
    redaction.protect(url.password or "")
    return f"{url.scheme}{text[len(url.scheme) :].rstrip('/')}"  # the scheme in small letters


@functools.lru_cache(16)
def is_loopback(url: str) -> bool:
    """Return whether a URL's host is this machine."""
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdecimal())


def default_timeout(env: Environment) -> float:
    """Return how many seconds a call may take if it does not set a timeout: MCP_MODELS_TIMEOUT, or 600.

    Raises:
        ConfigurationError: The value is not a positive number.
    """
    text = env.get(TIMEOUT_VARIABLE) or str(TIMEOUT_DEFAULT)
    try:
        timeout = float(text)
    except ValueError:
        timeout = 0
    if not 0 < timeout < float("inf"):
        raise errors.ConfigurationError(f"{TIMEOUT_VARIABLE}: expected a number of seconds > 0, got {text!r}.")
    return timeout


def max_retries(env: Environment) -> int:
    """Return how often a failed call is retried: MCP_MODELS_MAX_RETRIES, or 2 as in the providers' SDKs.

    Raises:
        ConfigurationError: The value is not a whole number.
    """
    text = env.get(RETRIES_VARIABLE) or str(RETRIES_DEFAULT)
    if not text.strip().isdecimal():
        raise errors.ConfigurationError(f"{RETRIES_VARIABLE}: expected a whole number, got {text!r}.")
    return int(text)


def traces_endpoint(env: Environment) -> str:
    """Return where OpenTelemetry's collector is, as the environment names it, or nothing."""
    return env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or ""


def traces_wanted(env: Environment) -> bool:
    """Return whether calls are to be traced: the environment names a collector, and does not switch it off."""
    if not traces_endpoint(env) or env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    return env.get("OTEL_TRACES_EXPORTER", "").strip().lower() in ("", "otlp")
