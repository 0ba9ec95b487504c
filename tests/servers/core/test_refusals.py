"""What a refusal says, in the words of the providers. `refusals.tsv` quotes them, and names the source of each."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mcp_models.servers import load_provider
from mcp_models.servers.core.completion import OPTIONAL_PARAMETERS
from mcp_models.servers.core.errors import InvalidRequestError
from mcp_models.servers.core.refusals import Refusal, refused_parameter

with (Path(__file__).parent / "refusals.tsv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['speaks of']}: {row['message'][:60]}" for row in ROWS])
def test_only_what_is_said_of_the_parameter_itself_is_remembered(row: dict[str, str]) -> None:
    error = InvalidRequestError(row["message"], param=row["param"] or None)
    found = refused_parameter(error, OPTIONAL_PARAMETERS, load_provider(row["provider"]).native_names)
    if row["speaks of"] == "parameter":
        assert found == (row["parameter"], Refusal.PARAMETER)
    else:
        assert found is None or found[1] is not Refusal.PARAMETER


def test_there_are_many_of_each_kind() -> None:
    kinds = [row["speaks of"] for row in ROWS]
    assert kinds.count("parameter") >= 30
    assert kinds.count("value") >= 30
    assert kinds.count("combination") >= 15


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("`temperature` and `top_p` cannot both be specified for this model. Please use only one.", "temperature"),
        ("top_p must be 1 when using greedy sampling.", "top_p"),
        ("`temperature` may only be set to 1 when thinking is enabled.", "temperature"),
        ("output_config.effort 'xhigh' is not supported when thinking is disabled on this model.", "reasoning_effort"),
    ],
)
def test_of_two_that_exclude_each_other_the_one_named_first_is_left_out(message: str, name: str) -> None:
    native_names = {"output_config.effort": "reasoning_effort", "thinking": "reasoning_effort"}
    found = refused_parameter(InvalidRequestError(message), OPTIONAL_PARAMETERS, native_names)
    assert found == (name, Refusal.COMBINATION)


def test_what_was_not_sent_is_not_refused() -> None:
    error = InvalidRequestError("Unsupported parameter: 'temperature' is not supported with this model.", param="temperature")
    assert refused_parameter(error, ["top_p"], {}) is None
