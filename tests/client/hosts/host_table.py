"""Write the table of hosts into docs/install.md: `python -m tests.client.hosts.host_table`."""

from __future__ import annotations

from mcp_models.client.hosts.host import Host
from mcp_models.client.hosts.table import HOSTS
from tests.checkout import ROOT

PAGE = ROOT / "docs" / "install.md"
START, END = "<!-- hosts -->\n", "<!-- /hosts -->"


def table() -> str:
    """Return the table as Markdown."""
    head = "| HOST | program | your file | the project's file | time-out | a server gets | known by |\n" + "|---" * 7 + "|\n"
    return head + "".join(f"| {' | '.join(_cells(host))} |\n" for host in HOSTS.values())


def _cells(host: Host) -> list[str]:
    file = host.paths["linux"][0].format(home="~", config="~/.config", xdg="~/.config", local="~/.config")
    moved = f", `${host.home_variable[0]}`" if host.home_variable else ""
    return [
        f"`{host.name}`",
        host.title,
        f"`{file}`{moved}",
        f"`{host.project_file}`" if host.project_file else "–",
        f"`{host.timeout_field}` ({host.timeout_unit})" if host.timeout_field else "–",
        host.environment_note,
        f"{_known_by(host)}, {host.checked}",
    ]


def _known_by(host: Host) -> str:
    if host.evidence == "ran":
        return host.source
    words = {"source": "its source", "docs": "its documentation", "third party": "a third party"}
    return f"[{words[host.evidence]}]({host.source})"


def written(page: str) -> str:
    """Return the page with the present table."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return before + START + "\n" + table() + "\n" + END + after


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
