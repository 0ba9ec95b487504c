"""Write all forms once, with a real wheel, and let uv find it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checkout import build_wheel
from tests.published.forms import write
from tests.published.launch import Launcher

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all forms."""
    folder = tmp_path_factory.mktemp("published")
    write(folder, COMMIT, build_wheel(tmp_path_factory.mktemp("wheel")))
    return folder


@pytest.fixture(scope="session")
def launcher(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Launcher:
    """The environment in which the forms' commands find the wheel."""
    return Launcher(tmp_path_factory.mktemp("uv"), wheels=published / "docker")
