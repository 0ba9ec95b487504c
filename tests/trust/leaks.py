"""Check the claim that no key leaves a process, except to its own provider."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.fakes import FAKES
from tests.fakes.presets import FakeOpenRouter
from tests.fakes.provider import FakeProvider
from tests.trust.outcome import Outcome
from tests.trust.scene import Scene
from tests.trust.secret_rows import ROWS, Row

SEARCHED: tuple[type[FakeProvider], ...] = (*FAKES, FakeOpenRouter)
"""Every provider with a file of its own, and one preset."""


def check_secrets(fakes: Sequence[type[FakeProvider]] = SEARCHED, rows: Sequence[Row] = ROWS) -> Outcome:
    """Bring about every situation with every provider, and search what left for the canaries of all of them."""
    outcome = Outcome("No key leaves a process, except to its own provider")
    for fake_class in fakes:
        with tempfile.TemporaryDirectory() as folder, Scene(fake_class, Path(folder)) as scene:
            for row in rows:
                try:
                    row.act(scene)
                except AssertionError as error:
                    outcome.fail(f"{fake_class.__name__}, {row.name}: {error}")
                scene.collect(row.name)
                outcome.count("situations")
            scene.finish()
        outcome.count("texts searched", scene.search.searched)
        outcome.count("bytes", scene.search.size)
        outcome.count("canaries searched", scene.search.searched * len(scene.search.keys))
        outcome.count("leaks", len(scene.search.leaks))
        for leak in dict.fromkeys(scene.search.leaks):
            outcome.fail(f"{fake_class.__name__}: {leak}")
    return outcome
