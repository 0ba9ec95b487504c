"""The effort to send: the one asked for, or the nearest one that the model supports."""

from __future__ import annotations

import pytest

from mcp_models.servers.core.completion import ReasoningEffort
from mcp_models.servers.core.effort import EFFORTS, efforts_named, nearest


@pytest.mark.parametrize(
    ("available", "sent"),
    [
        (EFFORTS, EFFORTS),
        (("low", "medium", "high"), ("low", "low", "low", "medium", "high", "high", "high")),
        (("none", "low", "medium", "high"), ("none", "low", "low", "medium", "high", "high", "high")),
        (("none", "high"), ("none", "none", "high", "high", "high", "high", "high")),
        (("none", "low", "medium", "high", "max"), ("none", "low", "low", "medium", "high", "high", "max")),
        (("medium",), ("medium",) * 7),
    ],
)
def test_each_of_the_seven_goes_to_the_nearest(
    available: tuple[ReasoningEffort, ...], sent: tuple[ReasoningEffort, ...]
) -> None:
    assert tuple(nearest(effort, available) for effort in EFFORTS) == sent


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("Unsupported value: 'xhigh' is not supported with it. Supported values are: 'low' and 'high'.", ["low", "high"]),
        ("reasoning_effort='medium' is not supported for this model. Must be one of ('none', 'high')", ["none", "high"]),
        ("'reasoning_effort' : value is not one of the allowed values ['none', 'low']", ["none", "low"]),
        ("Invalid reasoning_effort: minimal. Valid values are: high, low, medium, none", ["none", "low", "medium", "high"]),
        ('invalid think value: "none" (must be "high", "medium", "low")', ["low", "medium", "high"]),
        ("Input should be 'low', 'medium' or 'high'", ["low", "medium", "high"]),
        ("Thinking level MINIMAL is not supported for this model.", []),
    ],
)
def test_the_efforts_that_a_refusal_lists(said: str, named: list[str]) -> None:
    assert efforts_named(said) == named
