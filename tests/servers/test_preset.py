"""What a preset's row must hold, and what is true of every row, through its real server process."""

from __future__ import annotations

import ast
import datetime
import re
from collections.abc import Iterator
from typing import get_args

import pytest

from mcp_models.servers import load_provider
from mcp_models.servers.core.completion import ReasoningEffort, StopReason, Usage
from mcp_models.servers.core.effort import EFFORTS
from mcp_models.servers.core.errors import ERROR_TYPES
from mcp_models.servers.core.pricing import cost_usd
from mcp_models.servers.core.provider import Provider
from mcp_models.servers.core.tools import tools
from mcp_models.servers.openai_compatible import OpenAICompatible
from mcp_models.servers.preset import ALL_PARAMETERS, Preset
from mcp_models.servers.presets import PRESETS
from tests import official
from tests.checkout import ROOT
from tests.fakes import PRESET_FAKES
from tests.fakes.endpoint import Request
from tests.fakes.preset import FIELDS, FakePreset
from tests.peer import Peer
from tests.servers.contract import ask_again, server_of
from tests.servers.preset_server import FAKE_OF, SCHEMA, ask, environment

ROWS = list(PRESETS.values())
FIRST_SHIPPED = "openrouter groq cerebras deepseek xai moonshot zai together fireworks huggingface nvidia qwen lmstudio vllm"
TO_BE_SAID = ("key_variables", "price_list", "efforts_by_model")
"""What a row must say although there is a default: it is seldom right."""


def missing(row: type[Preset]) -> list[str]:
    """Return the fields that a row does not have."""
    declared = [name for cls in (Provider, OpenAICompatible, Preset) for name in cls.__annotations__]
    needed = [name for name in declared if not hasattr(Preset, name) and name not in ("env", "setup")]
    return [name for name in (*needed, *TO_BE_SAID) if not hasattr(row, name) or name not in vars(row)]


def name(row: type[Preset]) -> str:
    return row.name


def test_the_first_fourteen_are_there() -> None:
    assert list(PRESETS) == FIRST_SHIPPED.split()
    assert list(FAKE_OF) == FIRST_SHIPPED.split()


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_a_row_has_every_field(row: type[Preset]) -> None:
    assert missing(row) == []


@pytest.mark.parametrize("field", ["title", "own_url", "thinking_in", "checked_on", "price_list"])
def test_a_missing_field_is_named(field: str) -> None:
    row = type("Row", (), {key: value for key, value in vars(PRESETS["groq"]).items() if key != field})
    assert missing(row) == [field]


def test_a_row_is_data_alone() -> None:
    tree = ast.parse((ROOT / "servers" / "presets.py").read_text(encoding="utf-8"))
    rows = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert len(rows) == len(PRESETS)
    for row in rows:
        for statement in row.body:
            assert isinstance(statement, ast.Assign), f"{row.name} has more than assignments"
            called = [ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)]
            assert set(called) <= {"frozenset"}, f"{row.name} calls {called}"


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_the_values_of_a_row_make_sense(row: type[Preset]) -> None:
    assert re.fullmatch(r"https://\S+[^/]" if row.needs_key else r"http://127\.0\.0\.1:\d+/v1", row.own_url)
    assert row.url_variable == f"{row.name.upper()}_BASE_URL"
    assert all(variable.endswith(("_KEY", "_TOKEN")) for variable in row.key_variables)
    assert row.setup.startswith("set " if row.needs_key else "start ")
    assert row.parameters <= ALL_PARAMETERS
    assert set(row.error_types.values()) <= set(ERROR_TYPES)
    assert set(row.stop_reasons.values()) <= set(get_args(StopReason))
    patterns = [row.takes_default_temperature, row.takes_strict, *row.lacks, *row.efforts_by_model]
    assert all(re.compile(pattern) for pattern in patterns if pattern)
    for levels in row.efforts_by_model.values():
        assert set(levels) <= set(get_args(ReasoningEffort))
        assert list(levels) == [level for level in EFFORTS if level in levels]
    for names in row.lacks.values():
        assert names <= row.parameters


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_a_row_says_when_it_was_checked(row: type[Preset]) -> None:
    assert datetime.date.fromisoformat(row.checked_on) >= datetime.date(2026, 11, 1)
    assert row.sources
    assert row.documented_only


@pytest.mark.parametrize("row", [row for row in ROWS if row.price_list], ids=name)
def test_the_default_model_has_a_list_price(row: type[Preset]) -> None:
    provider = load_provider(row.name, {})
    assert provider.has_list_prices()
    assert cost_usd(provider, row.default_model, Usage(input_tokens=1_000_000, output_tokens=1_000_000))
    assert not load_provider(row.name, {row.url_variable: "http://127.0.0.1:1"}).has_list_prices()


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_its_tools_are_those_of_every_server(row: type[Preset]) -> None:
    ours, ollamas = tools(load_provider(row.name, {})), tools(load_provider("ollama", {}))
    assert [tool["inputSchema"] for tool in ours] == [tool["inputSchema"] for tool in ollamas]
    assert f"Default model: {row.default_model}." in ours[0]["description"]


@pytest.fixture(scope="module", params=PRESET_FAKES, ids=lambda fake: fake.provider)
def fake(request: pytest.FixtureRequest) -> Iterator[FakePreset]:
    with request.param() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def server(fake: FakePreset) -> Iterator[Peer]:
    with server_of(fake) as peer:
        yield peer


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> None:
    if "fake" in request.fixturenames:
        request.getfixturevalue("fake").forget()


def test_thinking_is_kept_apart_wherever_it_stands(fake: FakePreset, server: Peer) -> None:
    record = ask(fake, server, fake.thinking_then("Yes", "."))
    assert (record["text"], record["reasoning"]) == ("Yes.", "hmm" if fake.thinking else None)


def test_tokens_are_counted_as_at_every_provider(fake: FakePreset, server: Peer) -> None:
    usage = ask(fake, server)["usage"]
    written = usage.pop("cache_write_tokens")
    assert (usage.pop("cache_write_1h_tokens"), usage.pop("web_searches")) == (0, 0)
    assert usage == {"input_tokens": 20, "output_tokens": 10, "cache_read_tokens": 5, "reasoning_tokens": 4}
    assert written == {"openrouter": 3, "qwen": 3}.get(fake.provider, 0)


def test_a_reported_cost_is_told_and_a_fakes_address_has_no_list_price(fake: FakePreset, server: Peer) -> None:
    reported = {"openrouter": 0.00123, "xai": 0.00123}
    assert ask(fake, server)["cost_usd"] == (pytest.approx(reported[fake.provider]) if fake.provider in reported else None)


def test_the_request_id_is_found(fake: FakePreset, server: Peer) -> None:
    expected = "req_fake" if fake.id_header else None
    assert ask(fake, server)["request_id"] == expected
    assert ask(fake, server, fake.error(400, "no"))["request_id"] == expected


@pytest.mark.parametrize("effort", EFFORTS)
def test_every_effort_is_one_that_the_model_takes(fake: FakePreset, server: Peer, effort: str) -> None:
    record = ask(fake, server, reasoning_effort=effort)
    assert not record["is_error"], record["message"]
    assert record["dropped_params"] == []
    assert len(fake.requests) == 1


def test_the_request_is_what_the_sdks_types_allow_and_what_the_row_adds(fake: FakePreset, server: Peer) -> None:
    ask(fake, server, system="Be brief.", max_tokens=9, temperature=1, top_p=0.5, stop=["x"], seed=1)
    ask(fake, server, reasoning_effort="low", response_schema=SCHEMA)
    for seen in fake.requests:
        own = {name: value for name, value in seen.body.items() if name in FIELDS | {"max_completion_tokens"}}
        assert seen.body.keys() - own.keys() <= fake.fields - FIELDS
        official.check("openai", Request("POST", seen.path, {}, {**own, "stream": True}))


def test_the_default_temperature_goes_only_where_it_does_no_harm(fake: FakePreset, server: Peer) -> None:
    ask(fake, server)
    without = {"openrouter", "deepseek", "moonshot", "zai"}
    assert ("temperature" in fake.requests[-1].body) is (fake.provider not in without)


@pytest.mark.parametrize("provider", [row.name for row in ROWS if row.needs_key])
def test_a_refused_key_is_told_and_stays_in(provider: str) -> None:
    with FAKE_OF[provider]() as fake:
        variable = PRESETS[provider].key_variables[0]
        with Peer(provider, env=environment(fake, **{variable: "made-up-wrong-key-42"})) as server:
            fake.script(fake.unauthorized())
            record = ask_again(server)
            assert record["type"] == "authentication"
            assert "made-up-wrong-key-42" not in str(record) + server.stderr.decode()


@pytest.mark.parametrize("provider", [row.name for row in ROWS if len(row.key_variables) > 1])
def test_a_key_under_its_other_name_does_as_well(provider: str) -> None:
    first, second = PRESETS[provider].key_variables
    with FAKE_OF[provider]() as fake:
        env = environment(fake)
        env[second] = env.pop(first)
        with Peer(provider, env=env) as server:
            assert ask_again(server)["text"] == "Hello from the fake."
