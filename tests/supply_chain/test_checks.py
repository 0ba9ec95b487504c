"""What the project is made from may be used, and can be made again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.supply_chain import checks


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        ("MIT", True),
        ("MIT License", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("MIT AND PSF-2.0", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("UNKNOWN", False),
        ("", False),
    ],
)
def test_a_licence_is_allowed_by_its_name(said: str, allowed: bool) -> None:
    assert checks.is_allowed(said) is allowed


@pytest.mark.slow
def test_every_installed_package_has_an_allowed_licence() -> None:
    refused, count = checks.refused_licences()
    assert refused == {}
    assert count > 50


@pytest.mark.slow
def test_the_workflows_have_no_known_weakness() -> None:
    assert checks.workflow_findings() == ""


@pytest.mark.slow
def test_two_builds_give_the_same_wheel() -> None:
    first, second = checks.wheel_hashes()
    assert first == second


@pytest.mark.slow
def test_the_list_of_components_has_what_the_extras_bring_and_nothing_of_the_tests(tmp_path: Path) -> None:
    count = checks.write_sbom(tmp_path / "sbom.json")
    bom = json.loads((tmp_path / "sbom.json").read_text(encoding="utf-8"))
    names = {component["name"] for component in bom["components"]}
    assert bom["bomFormat"] == "CycloneDX"
    assert {"openai", "anthropic", "mistralai", "httpx2", "msgspec"} <= names
    assert "pytest" not in names
    # numpy may be there in two versions, as its newest one does not run on every Python of ours.
    assert len({(component["name"], component["version"]) for component in bom["components"]}) == count
    assert all(component["purl"].startswith("pkg:pypi/") for component in bom["components"])
