"""A file by its path, through a real host: the small version of `python -m tests.files`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.files.in_a_host import attach_in, saved
from tests.hosts.programs import PROGRAMS


def test_a_path_takes_a_thousandth_of_the_file() -> None:
    sizes = saved()
    assert sizes.by_path * 1000 < sizes.inline


@pytest.mark.slow
def test_a_hosts_model_attaches_a_file_by_its_path(tmp_path: Path) -> None:
    attach_in(next(program for program in PROGRAMS if program.host == "codex"), tmp_path)
