"""The table of results: the same calls through every server, without an empty cell."""

from __future__ import annotations

import pytest

from tests.fakes import FAKES, PRESET_FAKES, SAMPLED
from tests.matrix import CALLS, results


@pytest.mark.parametrize("name", SAMPLED)
def test_every_call_gives_a_result_with_every_server(name: str) -> None:
    fakes = {fake.provider: fake for fake in (*FAKES, *PRESET_FAKES)}
    cells = results(name, fakes.get(name))
    assert len(cells) == len(CALLS) + 1 == 15
    assert all(cells)
    assert "internal" not in " ".join(cells)
