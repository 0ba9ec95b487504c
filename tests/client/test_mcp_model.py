"""MCPModel: the arguments and the result of `call`, with our own servers and with others."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from mcp_models.client import (
    TEMPERATURE_DEFAULT,
    CallOptions,
    EchoMCPModel,
    MCPModel,
    Model,
    OllamaMCPModel,
    OpenAIMCPModel,
    ServerProtocolError,
    ServerStartError,
)
from mcp_models.client.mcp_model import server_command
from mcp_models.client.model import CALL_OPTIONS
from mcp_models.client.tool_result import read_tool_result
from mcp_models.servers.core.tools import EXTRAS, input_schema
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import TEXT, FakeOpenAI
from tests.results import failure, success

RESULT_KEYS = {
    *("output", "model", "tokens_used", "provider", "stop_reason", "native_stop_reason", "usage", "cost_usd", "request_id"),
    *("service_tier", "price_source", "cache_savings_usd"),
    *("latency_ms", "auth_mode", "reasoning", "structured", "files", "citations", "dropped_params", "warnings"),
}
FAILURE_KEYS = {
    *("output", "model", "tokens_used", "provider", "error", "error_type", "retryable", "retry_after", "status"),
    *("request_id", "partial", "dropped_params"),
}


def test_the_seeds_signatures() -> None:
    assert list(inspect.signature(MCPModel).parameters)[:4] == ["provider", "model_name", "server_script", "api_key"]
    for face in (Model, MCPModel):
        parameters = inspect.signature(face.call).parameters
        assert list(parameters)[1:5] == ["prompt", "max_tokens", "temperature", "system"]
        assert [parameters[name].default for name in ("max_tokens", "temperature", "system")] == [4096, None, None]
    assert TEMPERATURE_DEFAULT == Model.TEMPERATURE_DEFAULT == 7.3e-07


def test_an_answer() -> None:
    with EchoMCPModel() as model:
        result = model.call("one two")
    assert (result["output"], result["model"], result["tokens_used"], result["provider"]) == ("one two", "echo", 4, "echo")
    assert set(result) == RESULT_KEYS
    json.dumps(result)


def test_a_providers_failure_is_a_result() -> None:
    with EchoMCPModel("echo-error-rate_limit") as model:
        result = failure(model.call("x"))
    assert set(result) == FAILURE_KEYS
    assert (result["error_type"], result["retryable"]) == ("rate_limit", True)
    assert result["error"].startswith("Echo: ")
    json.dumps(result)


def test_every_option_reaches_the_provider(openai: FakeOpenAI) -> None:
    with OpenAIMCPModel("m") as model:
        model.call("x", 7, 0.0, "Be brief.", stop=["END"], seed=5, top_p=0.5)
    body = openai.requests[0].body
    assert (body["max_tokens"], body["temperature"], body["stop"], body["seed"], body["top_p"]) == (7, 0, ["END"], 5, 0.5)
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


def test_what_is_said_to_a_hosts_model_is_not_part_of_the_output() -> None:
    """An answer that was cut off has a second block for that model. In Python, you read `stop_reason` instead."""
    with EchoMCPModel("echo-max_tokens") as model:
        result = success(model.call("one two three four"))
        assert (result["output"], result["stop_reason"]) == ("one two", "max_tokens")
        assert "".join(model.stream("one two three four")) == "one two"


@pytest.mark.parametrize("text", ['{"a": 1}', "[1]", "null"])
def test_a_structured_answer_is_any_json_value(text: str) -> None:
    with EchoMCPModel() as model:
        assert success(model.call(text, response_schema={}))["structured"] == json.loads(text)


def test_a_conversation_instead_of_a_prompt() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    with EchoMCPModel() as model:
        assert model.call("", messages=messages)["output"] == "c"


def test_an_unknown_option_is_a_type_error_at_once() -> None:
    model, wrong = EchoMCPModel(), cast("Any", {"top_pp": 1})
    for ask in (model.call, model.acall, model.stream, model.astream):
        with pytest.raises(TypeError, match="unknown option 'top_pp'"):
            asyncio.run(ask("x", **wrong)) if ask == model.acall else ask("x", **wrong)
    assert model.server.pid is None
    with pytest.raises(TypeError, match="timout"):
        EchoMCPModel(**cast("Any", {"timout": 3}))


def test_the_options_are_those_of_the_tool() -> None:
    assert set(CallOptions.__annotations__) == CALL_OPTIONS
    asked_otherwise = {"prompt", "max_tokens", "temperature", "system"}
    assert set(input_schema(("flex",), EXTRAS)["properties"]) == CALL_OPTIONS - {"extra_arguments"} | asked_otherwise


def test_further_arguments_reach_the_tool_as_they_are() -> None:
    with EchoMCPModel() as model:
        result = failure(model.call("x", extra_arguments={"top_k": 5}))
    assert result["error_type"] == "invalid_request"
    assert "top_k" in result["error"]


def test_a_key_reaches_the_server_by_its_environment_only(openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with OpenAIMCPModel("m", api_key=openai.key) as model:
        assert model.call("x")["output"] == TEXT
        assert openai.key not in " ".join(model.server.command)
        assert openai.key not in repr(model) + str(vars(model))
    assert "OPENAI_API_KEY" not in os.environ


def test_ollama(ollama: FakeOllama) -> None:
    with OllamaMCPModel("tiny") as model:
        result = model.call("x")
    assert (result["provider"], result["model"], result["tokens_used"]) == ("ollama", "tiny", 31)


def test_a_timeout_of_the_model_holds_for_each_call(openai: FakeOpenAI) -> None:
    from tests.fakes.openai import stream

    openai.script(stream([b": \n\n"], pause=60))
    with OpenAIMCPModel("m", timeout=0.3) as model:
        assert failure(model.call("x"))["error_type"] == "timeout"


@pytest.mark.parametrize(
    "script",
    [
        "servers/echo_mcp_server.py",
        "echo_mcp_server.py",
        "mcp_models.servers.echo_mcp_server",
        Path("servers/echo_mcp_server.py"),
    ],
)
def test_a_server_is_found_from_any_folder(script: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with MCPModel("echo", "echo", script) as model:
        assert model.call("x")["output"] == "x"


def test_a_server_of_ours_is_found_by_its_name() -> None:
    assert server_command("groq") == [sys.executable, "-P", "-m", "mcp_models.servers", "groq"]
    assert server_command("echo") == [sys.executable, "-P", "-m", "mcp_models.servers.echo_mcp_server"]
    with MCPModel("echo", None, "echo") as model:
        assert success(model.call("x"))["output"] == "x"


@pytest.mark.parametrize(
    ("provider", "variable"),
    [("groq", "GROQ_API_KEY"), ("huggingface", "HF_TOKEN"), ("qwen", "DASHSCOPE_API_KEY"), ("other", "OTHER_API_KEY")],
)
def test_a_key_has_the_variable_that_the_server_looks_at_first(provider: str, variable: str) -> None:
    assert MCPModel(provider, None, "echo", "made-up-key")._env[variable] == "made-up-key"


def test_the_current_folder_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "echo_mcp_server.py").touch()
    monkeypatch.chdir(tmp_path)
    assert server_command("echo_mcp_server.py") == [sys.executable, str(tmp_path / "echo_mcp_server.py")]


def test_a_whole_command_is_taken_as_it_is() -> None:
    assert server_command(["uvx", "some-server"]) == ["uvx", "some-server"]


def test_a_missing_script_is_named() -> None:
    with pytest.raises(ServerStartError, match="nowhere_mcp_server"):
        MCPModel("x", "m", "nowhere_mcp_server.py")


OTHER = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if request.get("method") == "initialize":
        result = {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}}
    elif request.get("method") == "tools/call":
        assert request["params"]["name"] == "execute_task"
        text = request["params"]["arguments"]["prompt"].upper()
        result = {"content": [{"type": "text", "text": text}], "isError": text == "FAIL"}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
"""


def test_somebody_elses_server_that_answers_with_text_alone(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(OTHER)
    with MCPModel("other", "m", tmp_path / "other.py", tool_name="execute_task") as model:
        result, refused = success(model.call("hi")), failure(model.call("fail"))
    assert set(result) == RESULT_KEYS
    told = {name: value for name, value in result.items() if value not in (None, [])}
    assert told == {"output": "HI", "model": "m", "tokens_used": 0, "provider": "other"}
    assert (refused["error"], refused["error_type"]) == ("FAIL", "provider_error")


def test_two_hundred_calls_in_flight_on_one_model() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with EchoMCPModel("echo-slow-0.5") as model, ThreadPoolExecutor(200) as pool:
        outputs = list(pool.map(lambda n: model.call(f"p{n}")["output"], range(200)))
    assert outputs == [f"p{n}" for n in range(200)]


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"content": 5},
        {"content": ["a"]},
        {"content": [{"type": "text", "text": None}]},
        {"content": [], "_meta": [1]},
        {"content": [], "isError": True, "_meta": {"mcp-models/error": "x"}},
        {"content": [], "resultType": "input_required"},
    ],
)
def test_a_result_of_a_wrong_shape_is_the_servers_fault(result: dict[str, Any]) -> None:
    with pytest.raises(ServerProtocolError):
        read_tool_result(result, "other", "m")


@pytest.mark.parametrize("timeout", [1e10, float("inf"), float("nan"), -5, 0, "5", 10**400])
def test_a_senseless_timeout_is_answered_not_raised(timeout: Any) -> None:
    with EchoMCPModel() as model:
        result = model.call("x", timeout=timeout)
        assert result["output"] == "x" or failure(result)["error_type"] == "invalid_request"


@pytest.mark.parametrize("text", ["inf", "1e10", "-20", "soon"])
def test_a_senseless_default_timeout_is_a_result(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MCP_MODELS_TIMEOUT", text)
    with EchoMCPModel() as model:
        result = model.call("x")
        assert result["output"] == "x" or failure(result)["error_type"] == "configuration"


def test_a_folder_with_a_module_of_a_librarys_name_harms_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('not the real one')")
    monkeypatch.chdir(tmp_path)
    with EchoMCPModel() as model:
        assert model.call("x")["output"] == "x"


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(ServerStartError, match="empty"):
        MCPModel("x", "m", [])
