"""The documents agree with the code. If they do not, run `python -m tests.documents`."""

from __future__ import annotations

import re

import pytest

from mcp_models.servers import load_provider, server_modules
from tests.checkout import ROOT
from tests.documents import imports, variables
from tests.documents.pages import PAGES, page, written


@pytest.mark.parametrize("name", PAGES)
def test_a_part_is_what_the_code_gives(name: str) -> None:
    assert page(name).read_text(encoding="utf-8") == written(name), "run `bash run_with_env.sh -m tests.documents`"


def test_every_room_is_in_the_picture() -> None:
    assert {path.parent.as_posix() for path in imports.files()} == set(imports.ROOMS)


def test_every_variable_that_the_code_reads_is_in_the_table() -> None:
    read = variables.read_by_the_code() - variables.PASSED_ON - variables.WORDS
    assert read - variables.documented() == set()


def test_a_providers_variables_are_found_by_its_name() -> None:
    for name in server_modules():
        assert {variable.name for variable in variables.of_provider(name)} >= set(load_provider(name, {}).key_variables), name


def test_no_word_of_somebody_elses_is_read_as_a_variable() -> None:
    assert variables.read_by_name() & variables.WORDS == set()


def test_a_default_that_is_a_number_or_an_address_stands_in_the_code() -> None:
    defaults = {variable.default for table in variables.TABLES.values() for variable in table}
    held = {default for default in defaults if default.isdigit() or default.startswith("http")}
    assert len(held) > 5
    assert held - variables.constants() == set()


def test_every_variable_of_the_table_is_read() -> None:
    assert variables.documented() - variables.read_by_the_code() == set()


def test_every_test_that_a_page_names_is_there() -> None:
    pages = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("limits.md", "security.md"))
    named = re.findall(r"`(?:tests/)?([\w/]+\.py)(?:::(\w+))?`", pages)
    assert len(named) > 40
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / "tests" / path).is_file()
        or f"def {name}(" not in (ROOT / "tests" / path).read_text(encoding="utf-8") + "def ("
    ]
    assert missing == []
