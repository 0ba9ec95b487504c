"""Tasks and conversations through the real Codex, and a short round of the Inspector. At full length: `-m tests.long_calls`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.long_calls import rounds

pytestmark = pytest.mark.slow


def test_codex_collects_three_background_tasks(tmp_path: Path) -> None:
    assert rounds.codex_collects_three(tmp_path, 1).failures == []


def test_codex_asks_two_turns_of_a_conversation(tmp_path: Path) -> None:
    assert rounds.codex_converses(tmp_path).failures == []


def test_the_inspector_polls_a_task_of_the_extension(tmp_path: Path) -> None:
    assert rounds.inspector_polls(tmp_path, 11).failures == []
