"""What is never attached by its name or for what is in it, also if the allowed folder is in the middle of such a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_models.servers.core.completion import CompletionRequest
from mcp_models.servers.core.errors import ConfigurationError, InvalidRequestError
from mcp_models.servers.core.files.attach import attached
from mcp_models.servers.core.files.denied import holds_private_key, why_denied


@pytest.mark.parametrize(
    ("allowed", "file"), [(".config", "gh/hosts.yml"), (".docker", "config.json"), ("project", "prod.env.local")]
)
def test_a_path_of_credentials_is_denied_though_the_allowed_folder_is_a_part_of_it(
    tmp_path: Path, allowed: str, file: str
) -> None:
    path = tmp_path / allowed / file
    path.parent.mkdir(parents=True)
    path.write_text("oauth_token: x")
    request = CompletionRequest(prompt="Read.", files=[file])
    with pytest.raises(InvalidRequestError, match="it is never attached"):
        attached(request, {"MCP_MODELS_FILES": str(tmp_path / allowed)})


@pytest.mark.parametrize("folder", [".config/gh", ".ssh/keys"])
def test_a_folder_within_one_of_credentials_cannot_be_allowed(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="is never allowed"):
        attached(CompletionRequest(prompt="Read.", files=["x"]), {"MCP_MODELS_FILES": str(tmp_path / folder)})


def test_names_and_contents() -> None:
    assert why_denied([".local", "share", "keyrings", "login.keyring"]) == "a folder of keys"
    assert why_denied(["src", "env.d.ts"]) is why_denied(["src", "authentication.json"]) is None
    assert holds_private_key(b"# created\nAGE-SECRET-KEY-1" + b"Q" * 58)
    assert not holds_private_key(b"AGE-SECRET-KEY-1 is how it begins")
