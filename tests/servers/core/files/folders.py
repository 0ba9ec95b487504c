"""Make a project's folder with secrets in and around it, and attach files of it to a prompt."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from mcp_models.servers.core.completion import CompletionRequest
from mcp_models.servers.core.files.attach import Attached, attached

SECRET = "canary-7f3a"
"""What stands in every file that must not be read."""

PNG = b"\x89PNG\r\n\x1a\n rest"
PDF = b"%PDF-1.7 << /Type /Pages >> << /Type /Page >> <</Type/Page>>"

DENIED = (
    *(".env", ".env.local", "deploy/prod.env", ".envrc", "server.pem", "tls/site.key", "store.p12", "id_rsa", "id_ed25519"),
    *(".ssh/config", "deep/.ssh/known_hosts", ".git/config", ".aws/config", ".config/gcloud/token.txt", ".gnupg/x.txt"),
    *(".netrc", ".npmrc", ".pypirc", ".pgpass", ".git-credentials", "credentials.json", "my-service-account.json"),
    *(".docker/config.json", ".kube/config", "terraform.tfstate", ".bash_history", ".config/mcp-models/keys.json"),
)
"""Files that are never attached, whatever is in them."""


def project(tmp_path: Path) -> Path:
    """Return a project's folder with usual files, and with all that a hostile path could lead to."""
    root, outside = tmp_path / "project", tmp_path / "outside"
    texts = {"src/auth.py": "print(1)\n", "docs/a.md": "# A", "docs/deep/b.md": "# B", "app/[id]/page.md": "# P"}
    for name, text in {**texts, **dict.fromkeys(DENIED, SECRET), "notes.txt": _key()}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "shot.png").write_bytes(PNG)
    (root / "spec.pdf").write_bytes(PDF)
    (root / "program").write_bytes(b"\x7fELF\x00" + SECRET.encode())
    (root / "latin.txt").write_bytes(SECRET.encode() + b"\xe4")
    (tmp_path / "project-two").mkdir()
    for folder in (outside, tmp_path / "project-two"):
        folder.mkdir(exist_ok=True)
        (folder / "secret.txt").write_text(SECRET)
    with (root / "huge.txt").open("wb") as file:
        file.truncate(33 * 1024 * 1024)
    _add_links(root, outside)
    return root


def _key() -> str:
    return f"-----BEGIN OPENSSH PRIVATE {'KEY'}-----\n{SECRET}"


def _add_links(root: Path, outside: Path) -> None:
    for name, target in {
        "link.txt": outside / "secret.txt",
        "link": outside,
        "docs/up": Path(".."),
        "chain": Path("link"),
        "loop": Path("loop"),
        "dangling": outside / "none",
        "environ": Path("/proc/self/environ"),
        "zero": Path("/dev/zero"),
        "inner.md": Path("docs/a.md"),
        "proc": Path("/proc"),
    }.items():
        (root / name).symlink_to(target)
    os.link(outside / "secret.txt", root / "hard.txt")
    os.mkfifo(root / "pipe")
    here = os.open(root, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{here}/socket" if os.path.exists("/proc/self/fd") else str(root / "socket"))
    os.close(here)


def ask(root: Path | str, *files: str, prompt: str = "Review.") -> Attached:
    """Attach files to a prompt, with a folder that is allowed."""
    return attached(CompletionRequest(prompt=prompt, files=list(files)), {"MCP_MODELS_FILES": str(root)})
