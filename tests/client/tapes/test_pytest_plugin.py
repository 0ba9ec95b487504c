"""The fixture `tape` and the option `--tape`: a test's answers are recorded once, and then the test needs nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_models.client.tapes.fixture import _file_name
from tests.client.tapes.nested_pytest import run_pytest

TESTS = """
import os, sys
import pytest
from mcp_models.client import DirectModel

class Echo(DirectModel):
    provider_name = "echo"

def make():
    if "NO_MODEL" in os.environ:
        raise AssertionError("a replay makes no model")
    return Echo()

@pytest.mark.parametrize("word", ["a/b", "c"])
def test_a_word(tape, word):
    assert tape(make).call(word)["output"] == word
    assert tape(make).call(word)["output"] == word

class TestInAClass:
    def test_named(self, tape):
        assert "".join(tape(make, "second").stream("a b c")) == "a b c"
"""

UNUSED = """
import sys

PLUGIN = "mcp_models.client.tapes.pytest_plugin"
LOADED = {name for name in sys.modules if name.startswith("mcp_models")}  # before the other file is collected

def test_without_tapes():
    assert {name for name in LOADED if not f"{PLUGIN}.".startswith(f"{name}.")} == set()
    assert PLUGIN in LOADED
"""


def test_tests_are_recorded_and_replayed_and_a_test_without_tapes_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_words.py").write_text(TESTS)
    (tmp_path / "test_unused.py").write_text(UNUSED)
    assert "4 passed" in run_pytest(tmp_path, "-W", "error", "--tape=record", "test_unused.py", "test_words.py")
    tapes = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.jsonl"))
    assert [name.count("test_words/") for name in tapes] == [1] * 5
    assert "tapes/test_words/TestInAClass.test_named.second.jsonl" in tapes
    assert "tapes/test_words/test_a_word-c.2.jsonl" in tapes
    (tmp_path / tapes[0]).unlink()
    said = run_pytest(tmp_path, "-W", "error", "test_words.py", NO_MODEL="1")
    assert "2 passed" in said
    assert "1 failed" in said
    assert "record it first, with mode='record' or `pytest --tape=record`" in said


@pytest.mark.parametrize(("one", "other"), [("test[a/b]", "test[a_b]"), ("test[é]", "test[è]"), ("x" * 300, "x" * 301)])
def test_two_tests_never_share_a_tape(one: str, other: str) -> None:
    assert _file_name(one) != _file_name(other)
    assert len(_file_name(one)) < 120
