"""List published incidents of this field, each with the test that shows that the same does not happen here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Incident:
    """A published incident.

    Attributes:
        number: Its CVE, or its advisory.
        what: What happened.
        source: Where it is described.
        test: The test in `test_prompts.py`.
    """

    number: str
    what: str
    source: str
    test: str


INCIDENTS = (
    Incident("CVE-2025-6514", "mcp-remote: a server's words reached a shell of the client",
             "https://mcpowered.com/mcp-remote/", "test_what_a_server_says_is_never_run"),
    Incident("CVE-2026-0755", "gemini-mcp-tool: code execution through what is passed to a program",
             "https://cc.bruniaux.com/cheatsheets/c08-surface-attaque-menaces/", "test_a_prompt_is_only_text"),
    Incident("CVE-2025-53109, CVE-2025-53110", "the filesystem server: a path left the allowed folders",
             "https://cc.bruniaux.com/cheatsheets/c08-surface-attaque-menaces/", "test_a_models_name_does_not_leave_its_place"),
    Incident("CVE-2026-26013", "LangChain: the URL of an image was fetched, from internal addresses, too",
             "https://www.sentinelone.com/vulnerability-database/cve-2026-26013",
             "test_the_url_of_an_image_is_never_fetched_here"),
    Incident("CVE-2026-24779", "vLLM: the check and the fetch of an image's URL read it differently",
             "https://www.sentinelone.com/vulnerability-database/cve-2026-24779",
             "test_the_url_of_an_image_is_never_fetched_here"),
    Incident("CVE-2026-21852", "Claude Code: a repository's settings moved ANTHROPIC_BASE_URL, and the key went there",
             "https://cvereports.com/reports/CVE-2026-21852", "test_the_folder_moves_no_address"),
    Incident("CVE-2025-59536", "Claude Code: a repository's settings ran commands",
             "https://gentic.news/article/how-to-govern-claude-code-across", "test_the_folder_moves_no_address"),
)  # fmt: skip
