"""Define `mcp-models doctor`: say what is broken in the set-up of providers and hosts, and how to mend it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mcp_models.client.commands.providers import named_provider
from mcp_models.client.commands.terminal import console, on_terminal, print_rows, visible
from mcp_models.client.doctor.finding import Finding
from mcp_models.client.doctor.host_checks import check_host, is_here
from mcp_models.client.doctor.provider_checks import ProviderCase, check_provider, provider_case
from mcp_models.client.hosts.table import HOSTS
from mcp_models.servers import server_modules
from mcp_models.servers.core.redaction import protect_environment, redact

if TYPE_CHECKING:
    from rich.console import Console

EXIT_BROKEN = 1

STYLES = {"ok": ("✓", "green"), "note": ("·", "yellow"), "problem": ("✗", "bold red")}


@click.command(
    "doctor",
    epilog="Examples: mcp-models doctor; mcp-models doctor openai --ask; mcp-models doctor --json | jq .findings",
)
@click.argument("providers", nargs=-1, metavar="[PROVIDER]…")
@click.option("--ask", is_flag=True, help="Ask each provider for one word, too. That may cost a fraction of a cent.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(providers: tuple[str, ...], ask: bool, as_json: bool) -> None:
    """Check the set-up of PROVIDERs and of the hosts on this machine. Without PROVIDER, check those that are set up.

    For each provider: its key, its package, its address, its login, and whether its server starts. For each host: which of our
    servers it has, and whether they start there and get their keys. Each problem is followed by its cure. Keys are never shown.

    Exit codes: 0 all is well; 1 there is a problem; 2 wrong usage.
    """
    protect_environment()
    names = list(dict.fromkeys(map(named_provider, providers)))
    findings = []
    screen = console() if on_terminal() and not as_json else None
    with screen.status("checking") if screen else contextlib.nullcontext():
        for finding in map(_without_secrets, _findings(names, ask)):
            findings.append(finding)
            if screen:
                _show(screen, finding)
            elif not as_json:
                print_rows((), [(finding.mark, finding.about, finding.check, finding.said, finding.cure)])
    broken = [finding for finding in findings if finding.mark == "problem"]
    if as_json:
        record = {"ok": not broken, "findings": [finding.record() for finding in findings]}
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
    elif screen:
        click.echo(f"\n{len(broken)} problem{'' if len(broken) == 1 else 's'}" if broken else "\nAll is well.")
    if broken:
        raise SystemExit(EXIT_BROKEN)


def _findings(names: list[str], ask: bool) -> Iterator[Finding]:
    found = [host for host in HOSTS.values() if is_here(host)]
    cases = [provider_case(name) for name in names or server_modules()]
    checked = cases if names else [case for case in cases if _is_set_up(case)]
    if not checked:
        cures = "mcp-models keys set PROVIDER, or start a local server (`ollama serve`)"
        yield Finding("providers", "key", "problem", "no provider is set up", cures)
    for case in checked:
        yield from check_provider(case, ask=ask)
    for case in cases:
        if case not in checked and case.provider.setup:
            yield Finding(case.name, "key", "note", "not set up", case.provider.setup)
    for host in found:
        yield from check_host(host, names)


def _is_set_up(case: ProviderCase) -> bool:
    """Return whether a provider has been set up in some way, whether or not it works. `echo` needs no set-up."""
    if not case.provider.setup:
        return False
    return bool(case.key_place or case.key_error) or case.provider.configured() or case.provider.running()


def _without_secrets(finding: Finding) -> Finding:
    return Finding(finding.about, finding.check, finding.mark, redact(finding.said), redact(finding.cure))


def _show(screen: Console, finding: Finding) -> None:
    """Show a finding in a terminal, with its cure in a line of its own."""
    from rich.text import Text

    mark, style = STYLES[finding.mark]
    if "utf" not in screen.encoding.lower():
        mark = finding.mark
    line = Text.assemble((f"{mark} ", style), (f"{finding.about}  ", "bold"), (f"{finding.check}: ", "dim"))
    screen.print(line.append(visible(finding.said)))
    if finding.cure:
        screen.print(Text.assemble("  cure: ", (visible(finding.cure), "cyan")))
