"""Say which names are never attached, wherever they are: keys, credentials, and what holds them.

Names are compared without case, in Unicode's compatible form and without invisible characters, as some file systems do:
`.ENV` may open `.env`.
"""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Sequence

_FOLDERS = {
    **dict.fromkeys((".git", ".hg", ".svn"), "a version control system's own"),
    **dict.fromkeys((".ssh", ".gnupg", ".password-store", "keyrings", "keychains"), "a folder of keys"),
    **dict.fromkeys((".aws", ".azure", ".kube", ".oci", ".terraform.d", ".codex", ".mozilla"), "a folder of credentials"),
}
"""Folders that nothing is attached from, each with what it is."""

_SETTINGS = (".config", "application support", "roaming")
_WITHIN_SETTINGS = ("gcloud", "gh", "mcp-models", "openai", "op", "doctl", "rclone", "google-chrome", "chromium")
"""The same within the folders of programs' settings."""

_FILES = (
    ("a file of environment variables", (".env*", "*.env", "*.env.*")),
    ("a key", ("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.gpg", "*.p8", "*.der")),
    ("a key", ("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*_rsa", "*_ed25519", "ssh_host_*_key*")),
    ("credentials", (".netrc*", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".git-credentials", ".htpasswd")),
    ("credentials", (".dockercfg", ".dockerconfigjson", ".boto", ".s3cfg", ".vault-token", ".terraformrc", ".yarnrc.yml")),
    ("credentials", ("credentials", "credentials.toml", "*credentials.json", "oauth_creds.json", "client_secret*.json")),
    ("credentials", ("*service[-_]account*.json", "*.kubeconfig", "kubeconfig", "*.tfstate", "*.tfstate.*", "*.tfvars")),
    ("credentials", ("auth.json", ".secrets", "*.keyring", "*.keychain", "*.keychain-db", "*.ovpn")),
    ("credentials", ("secrets.json", "secrets.toml", "secrets.y*ml", ".claude.json", "wallet.dat", ".*_history")),
)
"""Files that are not attached, each with what it is."""

_PATTERNS = [(what, re.compile("|".join(fnmatch.translate(name) for name in names))) for what, names in _FILES]


def why_denied(parts: Sequence[str]) -> str | None:
    """Return what a path leads to that is never attached, or None.

    Args:
        parts: The path's parts from the allowed folder's own name on, the file's name last.
    """
    plain = [_plain(part) for part in parts]
    for number, name in enumerate(plain):
        found = _FOLDERS.get(name)
        if number and plain[number - 1] in _SETTINGS and name in _WITHIN_SETTINGS:
            found = "a folder of credentials"
        if number and plain[number - 1 : number + 1] == [".docker", "config.json"]:
            found = "credentials"
        found = found or next((what for what, pattern in _PATTERNS if pattern.match(name)), None)
        if found is not None:
            return found
    return None


def _plain(name: str) -> str:
    """Return a name as the most tolerant file system compares it."""
    name = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = "".join(character for character in name if unicodedata.category(character) not in ("Cf", "Cc", "Mn"))
    return visible.partition(":")[0].rstrip(". ")  # Windows drops these, and knows streams by a colon


_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|AGE-SECRET-KEY-1[A-Z0-9]{16}")


def holds_private_key(data: bytes) -> bool:
    """Return whether a private key stands in what a file holds."""
    return _PRIVATE_KEY.search(data) is not None
