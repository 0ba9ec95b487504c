"""Read what is in `deploy/`, and run the program that knows Kubernetes' schemas."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.checkout import ROOT
from tests.installed import python

DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
LOCK = Path(__file__).parent / "requirements.lock"


def read(path: Path) -> Any:
    """Return what a YAML file holds."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def kustomization() -> dict[str, Any]:
    """Return the kustomization of the base."""
    found: dict[str, Any] = read(BASE / "kustomization.yaml")
    return found


def manifests() -> list[Path]:
    """Return the files of the base, without its kustomization."""
    return sorted(set(BASE.glob("*.yaml")) - {BASE / "kustomization.yaml"})


def manifest(kind: str) -> dict[str, Any]:
    """Return the only object of a kind."""
    (found,) = [one for one in map(read, manifests()) if one["kind"] == kind]
    return dict(found)


def compose() -> dict[str, Any]:
    """Return the Compose file, with its anchors filled in."""
    found: dict[str, Any] = read(DEPLOY / "compose.yaml")
    return found


def kubernetes_problem(path: Path) -> str:
    """Return what Kubernetes' schemas find wrong with a manifest, or nothing. Unknown fields are wrong too."""
    command = [str(python(LOCK)), "-m", "kubernetes_validate", "--strict", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    said = done.stdout + done.stderr
    return said if done.returncode or " passed " not in said else ""
