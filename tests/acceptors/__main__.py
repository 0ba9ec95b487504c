"""Print a table of servers and acceptors, followed by the reason for each refusal."""

from __future__ import annotations

import sys

from tests.acceptors import ACCEPTED, acceptors, servers


def main() -> None:
    """Print the table, and exit with an error if anything is refused."""
    shown = servers()
    columns = {f"{acceptor.name} ({acceptor.version})": acceptor.judge(shown) for acceptor in acceptors()}
    reasons: list[str] = []
    print("| server | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for server in shown:
        print(f"| {server} | " + " | ".join(cell(verdicts[server], reasons) for verdicts in columns.values()) + " |")
    print("\nparameters_json_schema takes any JSON here; what Gemini itself makes of it, this does not show.\n")
    for number, reason in enumerate(reasons, 1):
        print(f"{number}. {reason}")
    if reasons:
        sys.exit(1)


def cell(verdict: str, reasons: list[str]) -> str:
    """Return a verdict in one word, and add its reason to `reasons`."""
    if verdict == ACCEPTED:
        return ACCEPTED
    if verdict not in reasons:
        reasons.append(verdict)
    return f"refused ({reasons.index(verdict) + 1})"


if __name__ == "__main__":
    main()
