"""Files that a call names become parts of the last turn of the user, and the record tells of them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mcp_models.servers import load_provider
from mcp_models.servers.core.completion import CompletionRequest, DocumentPart, ImagePart, Message, SentFile, TextPart
from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.files import attach
from mcp_models.servers.core.files.attach import attached
from mcp_models.servers.core.service import CompletionService
from mcp_models.servers.core.tools import input_schema, tools
from tests.servers.core.files.folders import PDF, PNG, ask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project's folder without anything hostile."""
    root = tmp_path / "project"
    texts = {"src/auth.py": "print(1)\n", "src/gen.py": "x", "docs/a.md": "# A", "docs/deep/b.md": "# B", ".github/ci.yml": "y"}
    for name, text in {**texts, "app/[id]/page.md": "# P", "node_modules/x.md": "x", "README.md": "# R"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "shot.png").write_bytes(PNG)
    (root / "spec.pdf").write_bytes(PDF)
    (root / ".gitignore").write_text("node_modules/\n*.log\ngen.py\n")
    (root / "docs" / ".gitignore").write_text("!*.log\n/deep\n")
    (root / "docs" / "a.log").write_text("kept")
    (root / "b.log").write_text("ignored")
    return root


def paths(root: Path, *patterns: str) -> list[str]:
    return [file.path for file in ask(root, *patterns).files]


def test_texts_have_their_path_and_images_and_pdfs_are_parts(root: Path) -> None:
    found = ask(root, "src/auth.py", "shot.png", "spec.pdf")
    (turn,) = found.request.turns
    assert not isinstance(turn.content, str)
    text, image, document, prompt = turn.content
    assert text == TextPart('<document path="src/auth.py">\nprint(1)\n</document>\n\n')
    assert isinstance(image, ImagePart)
    assert isinstance(document, DocumentPart)
    assert prompt == TextPart("Review.")
    assert found.files == [
        SentFile("src/auth.py", "text/plain", 9, 3),
        SentFile("shot.png", "image/png", len(PNG), 1500),
        SentFile("spec.pdf", "application/pdf", len(PDF), 5000),
    ]


def test_they_go_to_the_last_turn_of_the_user(root: Path) -> None:
    turns = [Message("user", "a"), Message("assistant", "b"), Message("user", [TextPart("c")]), Message("assistant", "{")]
    request = CompletionRequest(messages=turns, files=["docs/a.md"])
    asked = attached(request, {"MCP_MODELS_FILES": str(root)}).request
    assert [turn.text.count("# A") for turn in asked.turns] == [0, 0, 1, 0]
    with pytest.raises(InvalidRequestError, match="no turn of the user"):
        attached(CompletionRequest(messages=turns[1:2], files=["docs/a.md"]), {"MCP_MODELS_FILES": str(root)})


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("docs/*.md", ["docs/a.md"]),
        ("**/*.md", ["README.md", "app/[id]/page.md", "docs/a.md"]),
        ("./docs//a.md", ["docs/a.md"]),
        ("app/[id]/page.md", ["app/[id]/page.md"]),
        ("src/**", ["src/auth.py"]),
        ("s*/**/a?th.py", ["src/auth.py"]),
        ("**/*.log", ["docs/a.log"]),
        (".github/*", [".github/ci.yml"]),
        ("src/gen.py", ["src/gen.py"]),
        ("docs/deep/b.md", ["docs/deep/b.md"]),
        ("ROOT/src/auth.py", ["src/auth.py"]),
        ("README.md", ["README.md"]),
    ],
)
def test_a_pattern_finds_what_a_shell_would_without_what_git_ignores(root: Path, pattern: str, found: list[str]) -> None:
    """A file that is named in full is attached though git ignores it."""
    assert paths(root, pattern.replace("ROOT", str(root))) == found


def test_a_file_that_is_named_twice_is_sent_once(root: Path) -> None:
    assert paths(root, "docs/a.md", "docs/*.md", "docs/a.md") == ["docs/a.md"]


def test_the_first_of_several_folders_that_has_a_file_counts(root: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "c.md").write_text("# C")
    (tmp_path / "other" / "README.md").write_text("# Other")
    found = ask(f"{root}{os.pathsep}{tmp_path}/other", "c.md", "README.md", f"{tmp_path}/other/README.md")
    assert [file.bytes for file in found.files] == [3, 3, 7]


def complete(env: dict[str, str], **arguments: Any) -> dict[str, Any]:
    async def called() -> dict[str, Any]:
        service = CompletionService(load_provider("echo", env))
        try:
            return await service.call_tool("complete", {"prompt": "Review.", **arguments}, lambda _: None)
        finally:
            await service.aclose()

    return asyncio.run(called())


def test_what_a_pattern_leaves_out_is_told_with_the_reason(root: Path) -> None:
    (root / "docs" / "b.md").write_bytes(b"\x00")
    (root / "docs" / "id_rsa.md").write_text("x")
    result = complete({"MCP_MODELS_FILES": str(root), "MCP_MODELS_LEDGER": "off"}, files="docs/*.md")
    record = result["_meta"]["mcp-models/completion"]
    assert [file["path"] for file in record["files"]] == ["docs/a.md"]
    assert [warning.partition(", as")[0] for warning in record["warnings"]] == [
        "files: left out docs/b.md: it looks binary: it is not text in UTF-8, a PDF, PNG, JPEG, GIF or WebP",
        "files: left out docs/id_rsa.md: it is never attached",
    ]
    assert result["content"][1]["text"] == "\n\n[Files left out: docs/b.md, docs/id_rsa.md.]"


def test_a_disk_that_does_not_answer_is_waited_for_within_bounds(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(attach, "READ_SECONDS", 0.05)
    monkeypatch.setattr(attach, "media", SimpleNamespace(media_type=lambda _: answered.wait(10)))
    threading.Timer(0.2, answered.set).start()
    result = complete({"MCP_MODELS_FILES": str(root), "MCP_MODELS_LEDGER": "off"}, files=["README.md"])
    assert result["_meta"]["mcp-models/error"]["type"] == "timeout"


def test_without_the_setting_there_is_no_such_argument(root: Path) -> None:
    result = complete({"MCP_MODELS_LEDGER": "off"}, files=["src/auth.py"])
    assert "files: unknown argument" in result["content"][0]["text"]
    assert "files" not in tools(load_provider("echo", {}))[0]["inputSchema"]["properties"]
    assert "files" in tools(load_provider("echo", {"MCP_MODELS_FILES": str(root)}))[0]["inputSchema"]["properties"]
    assert "files" not in input_schema()["properties"]


def test_a_call_without_files_imports_none_of_this() -> None:
    code = (
        "import asyncio, sys; from mcp_models.servers import load_provider;"
        "from mcp_models.servers.core.service import CompletionService;"
        "service = CompletionService(load_provider('echo', {'MCP_MODELS_LEDGER': 'off', 'MCP_MODELS_FILES': '/tmp'}));"
        "asyncio.run(service.call_tool('complete', {'prompt': 'x'}, print)); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if name.startswith(("pathspec", "mcp_models.servers.core.files"))]
