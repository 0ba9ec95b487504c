"""How long each host waits, and what the settings change about it."""

from __future__ import annotations

import pytest

from mcp_models.client import client_session
from mcp_models.servers.core.errors import ConfigurationError
from mcp_models.servers.core.tasks.hosts import BRIDGE, HOSTS, max_reply_chars, reply_within


def test_the_table_leaves_a_margin_and_names_its_sources() -> None:
    assert reply_within({}, "inspector-cli") == 50
    assert reply_within({}, "codex-mcp-client") == 280
    assert all(host.source and (host.reply_within or host.max_chars) for host in HOSTS.values())


@pytest.mark.parametrize("name", [None, "mcp", "claude-code", "somebody"])
def test_whom_nobody_knows_waits_for_the_answer(name: str | None) -> None:
    assert reply_within({}, name) is None
    assert max_reply_chars({}, name) is None


def test_a_variable_overrides_the_table_except_for_our_own_client() -> None:
    env = {"MCP_MODELS_REPLY_WITHIN": "4.5", "MCP_MODELS_MAX_REPLY_CHARS": "20000"}
    assert client_session._CLIENT_INFO["name"] == BRIDGE
    for name, expected in (("codex-mcp-client", (4.5, 20000)), (None, (4.5, 20000)), (BRIDGE, (None, None))):
        assert (reply_within(env, name), max_reply_chars(env, name)) == expected
    assert reply_within({"MCP_MODELS_REPLY_WITHIN": "0"}, "codex-mcp-client") is None


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf"])
def test_a_time_that_makes_no_sense_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="MCP_MODELS_REPLY_WITHIN: expected a number of seconds"):
        reply_within({"MCP_MODELS_REPLY_WITHIN": value}, None)


@pytest.mark.parametrize("value", ["many", "-1", "999", "1e6", "9" * 5000])
def test_a_size_that_makes_no_sense_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="MCP_MODELS_MAX_REPLY_CHARS: expected a whole number of at least 1,000"):
        max_reply_chars({"MCP_MODELS_MAX_REPLY_CHARS": value}, None)
