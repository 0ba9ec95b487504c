"""Make a table of how long each host waits, from the table of the servers."""

from __future__ import annotations

from mcp_models.servers.core.tasks.hosts import HOSTS


def table() -> str:
    """Return the table of hosts as Markdown."""
    rows = [f"| `{name}` | {host.reply_within:g} | {host.source} |" for name, host in HOSTS.items()]
    return "\n".join(["| `clientInfo.name` | some reply within (seconds) | known from |", "|---|---|---|", *rows])
