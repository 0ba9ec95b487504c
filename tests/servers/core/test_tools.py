"""The tools' definitions: the schema file agrees with its type, and the names and the size are right."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from mcp_models.servers import load_provider, server_modules
from mcp_models.servers.core.completion import CompletionRequest
from mcp_models.servers.core.tasks.arguments import TaskArguments
from mcp_models.servers.core.tools import TASK_ARGUMENTS, input_schema, tool_names, tools
from tests.checkout import ROOT
from tests.peer import Peer, call, request

FILE = ROOT / "servers" / "core" / "complete.schema.json"
REFUSED_BY_A_HOST = {"pattern", "format", "exclusiveMinimum", "exclusiveMaximum", "$ref", "oneOf", "allOf", "const"}


def test_a_setting_that_makes_no_sense_hides_no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CHATGPT_LOGIN_MODE", "perhaps")
    complete, _ = tools(load_provider("openai"))
    assert "Default model" not in complete["description"]


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema of a type as hosts need it: without references, `null`, and text that is only for programmers."""
    (root,), definitions = msgspec.json.schema_components([kind], ref_template="{name}")
    schema: dict[str, Any] = plain(root, definitions)
    for name in ("is_default_model", "cache_key"):  # not arguments: the server itself sets these
        schema["properties"].pop(name, None)
    return schema


def plain(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [plain(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        schema = {name: value for name, value in definitions[schema["$ref"]].items() if name != "description"}
    left_out = ("title", "discriminator") if "properties" not in schema else ("title", "discriminator", "description")
    schema = {k: v for k, v in schema.items() if k not in left_out and (k, v) not in (("default", None), ("required", []))}
    choices = [choice for choice in schema.pop("anyOf", []) if choice != {"type": "null"}]
    if len(choices) > 1 and all("$ref" in choice for choice in choices):
        choices = [merged([definitions[choice["$ref"]] for choice in choices])]
    if len(choices) == 1:
        schema = {**choices[0], **schema}
    elif choices:
        schema["anyOf"] = choices
    if "enum" in schema:
        schema = {"type": "string", **schema}  # our enumerations have only strings, and some hosts insist on a type
    parts = {name: plain(value, definitions) for name, value in schema.items() if name != "properties"}
    if "properties" in schema:
        parts["properties"] = {name: plain(value, definitions) for name, value in schema["properties"].items()}
    return parts


def merged(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Merge objects that differ by their `type` into one, to avoid a choice in the schema. The code checks them exactly."""
    kinds = [kind for each in objects for kind in each["properties"]["type"]["enum"]]
    properties = {name: value for each in objects for name, value in each["properties"].items()}
    whole = {"type": "object", "required": ["type"], "additionalProperties": False}
    return {**whole, "properties": {**properties, "type": {"enum": kinds}}}


def test_the_schemas_file_is_made_from_the_type() -> None:
    """If you changed a type on purpose, delete the file and run this test, which writes it again."""
    whole, ours = schema_of(CompletionRequest), schema_of(TaskArguments)["properties"]
    assert tuple(ours) == TASK_ARGUMENTS
    whole["properties"] |= ours
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    if not FILE.exists():
        FILE.write_text(text, encoding="utf-8")
        pytest.fail(f"{FILE.name} was missing and has been written: look at it and commit it")
    assert FILE.read_text(encoding="utf-8") == text


def keywords(schema: Any) -> set[str]:
    """Return every keyword in a schema, without the names of properties."""
    if isinstance(schema, list):
        return {word for item in schema for word in keywords(item)}
    if not isinstance(schema, dict):
        return set()
    parts = [*schema.get("properties", {}).values(), *(value for name, value in schema.items() if name != "properties")]
    return {*schema, *keywords(parts)}


def test_the_schema_holds_nothing_that_a_host_refuses() -> None:
    schema = input_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    assert not schema.keys() & {"anyOf", "oneOf", "allOf"}
    assert not keywords(schema) & REFUSED_BY_A_HOST


@pytest.mark.parametrize("name", sorted(server_modules()))
def test_the_definitions_of_a_server_cost_the_hosts_model_little(name: str) -> None:
    """With everything on that the settings can switch on."""
    definitions = json.dumps(tools(load_provider(name, {"MCP_MODELS_FILES": "/x"})), separators=(",", ":"), ensure_ascii=False)
    assert len(definitions.encode()) <= 2900


def test_a_prefix_stands_before_the_listed_names_and_the_bare_ones_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_TOOL_PREFIX", "echo_")
    with Peer("echo") as server:
        listed = server.ask(request(1, "tools/list"))["result"]["tools"]
        assert [tool["name"] for tool in listed] == ["echo_complete", "echo_list_models"]
        for name in ("echo_complete", "complete", "execute_task"):
            answer = server.ask(request(2, "tools/call", {"name": name, "arguments": {"prompt": "x"}}))
            assert answer["result"]["content"][0]["text"] == "x"
        for name in ("echo_list_models", "list_models"):
            answer = server.ask(request(3, "tools/call", {"name": name, "arguments": {}}))
            assert answer["result"]["_meta"]["mcp-models/models"]
        unknown = server.ask(request(4, "tools/call", {"name": "echo_nope", "arguments": {}}))
        assert "this server has `echo_complete`" in unknown["error"]["message"]


@pytest.mark.parametrize("prefix", ["a b", "ä", "x" * 49, "a.b"])
def test_a_prefix_that_no_host_would_take_is_ignored_with_a_word(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert next(iter(tool_names({"MCP_MODELS_TOOL_PREFIX": prefix}))) == "complete"
    assert "MCP_MODELS_TOOL_PREFIX is ignored" in capsys.readouterr().err


def test_listing_the_tools_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from mcp_models.servers import load_provider; from mcp_models.servers.core.tools import tools; "
        "tools(load_provider('anthropic')); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {name.split(".")[0] for name in loaded} & {"msgspec", "asyncio", "httpx2", "anthropic", "jsonschema_rs"}


def test_the_call_of_a_server_under_a_prefix_reaches_the_same_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODELS_TOOL_PREFIX", "echo_")
    with Peer("echo") as server:
        assert server.ask(call(1, {"prompt": "x"}))["result"]["isError"] is False
