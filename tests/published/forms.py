"""Put all forms together, each in a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path

from tests.published import bundles, image, plugins, registry
from tests.published.product import servers


def forms(commit: str, wheel: Path) -> dict[str, bytes]:
    """Return every file that is published, by its path.

    Args:
        commit: The commit that they are made from.
        wheel: The wheel of that commit, for the image.
    """
    texts = {
        **_in("agent-plugins", plugins.agent_plugins()),
        **_in("claude-code", plugins.claude_code()),
        **_in("codex", plugins.codex()),
        **_in("gemini", plugins.gemini()),
        "docker/Dockerfile": image.dockerfile(wheel.name),
        "docker/requirements.txt": image.requirements(),
    }
    for server in servers():
        entry = json.dumps(registry.server_json(server), indent=2, ensure_ascii=False)
        texts[f"registry/{server.slug}/server.json"] = f"{entry}\n"
        texts[f"docker/servers/{server.name}/server.yaml"] = image.catalog_entry(server, commit)
    files = {path: text.encode() for path, text in texts.items()}
    files.update({f"mcpb/{server.name}.mcpb": bundles.bundle(server) for server in servers()})
    return {**files, f"docker/{wheel.name}": wheel.read_bytes()}


def write(folder: Path, commit: str, wheel: Path) -> int:
    """Write every form into a folder, and return how many files there are."""
    files = forms(commit, wheel)
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return len(files)


def _in(folder: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{folder}/{path}": text for path, text in files.items()}
