"""The models inside this process: they have the seeds' constructors, and return the same dict as through MCP."""

from __future__ import annotations

import gc
import inspect
import json
import os
import threading
from typing import Any

import pytest

from mcp_models import client
from mcp_models.client import (
    AnthropicModel,
    AnthropicOllamaAPIModel,
    ComplianceError,
    DevstralLocalModel,
    DirectModel,
    GoogleAIStudioModel,
    MCPModel,
    MistralAPIModel,
    OllamaModel,
    OpenAIModel,
)
from tests.fakes import FAKES
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.anthropic_ollama import FakeAnthropicOllama
from tests.fakes.endpoint import Reply
from tests.fakes.mistral import FakeMistral
from tests.peer import wait_until
from tests.results import failure, success


def signature(face: Any) -> list[tuple[str, Any]]:
    parameters = list(inspect.signature(face).parameters.values())
    return [(parameter.name, parameter.default) for parameter in parameters]


def test_the_seeds_constructors() -> None:
    assert signature(AnthropicModel) == [("model", "haiku"), ("api_key", None)]
    assert signature(MistralAPIModel) == [("model", "small"), ("api_key", None), ("base_url", None)]
    assert signature(AnthropicOllamaAPIModel) == [
        ("model_name", "minimax-m2.5:cloud"),
        ("base_url", None),
        ("api_key", None),
        ("max_retries", 2),
    ]
    assert signature(DevstralLocalModel) == [("model_name", "devstral"), ("endpoint", None)]
    assert inspect.signature(DevstralLocalModel.call).parameters["max_tokens"].default == 2048


def test_the_seeds_names_of_models() -> None:
    assert AnthropicModel.MODEL_ALIASES == {
        "haiku": "claude-haiku-4-5-20251001",
        "sonnet": "claude-sonnet-4-6",
        "opus": "claude-opus-4-6",
    }
    assert MistralAPIModel.MODEL_ALIASES == {
        "small": "mistral-medium-latest",
        "medium": "mistral-large-2411",
        "mini": "ministral-3b",
        "code": "codestral-2508",
        "devstral": "devstral-2",
    }
    assert set(AnthropicOllamaAPIModel.VALID_MODELS) == {
        "devstral-2:123b-cloud",
        "gemini-3-flash-preview:cloud",
        "gpt-oss:120b-cloud",
        "minimax-m2.5:cloud",
        "mistral-large-3:675b-cloud",
    }


def test_every_provider_has_both_models() -> None:
    faces: list[Any] = [face for name in client.__all__ if inspect.isclass(face := getattr(client, name))]
    direct = {face.provider_name for face in faces if issubclass(face, DirectModel) and face is not DirectModel}
    assert direct == {fake.provider for fake in FAKES}
    through = {face("m").provider for face in faces if issubclass(face, MCPModel) and face is not MCPModel}
    assert through == direct | {"echo"}
    for face in faces:
        if issubclass(face, MCPModel) and face is not MCPModel:
            assert [name for name, _ in signature(face)][:2] == ["model_name", "api_key"]


@pytest.mark.parametrize(
    ("face", "variable", "error"),
    [
        (AnthropicModel, "ANTHROPIC_API_KEY", ValueError),
        (OpenAIModel, "OPENAI_API_KEY", ValueError),
        (GoogleAIStudioModel, "GOOGLE_API_KEY", ValueError),
        (MistralAPIModel, "MISTRAL_API_KEY", ComplianceError),
    ],
)
def test_without_a_key_it_says_which_variable_to_set(face: Any, variable: str, error: type[ValueError]) -> None:
    with pytest.raises(error, match=variable):
        face()


def test_without_its_sdk_it_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp_models.client import direct_model

    monkeypatch.setattr(direct_model, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "mcp-models\[anthropic\]"'):
        AnthropicModel(api_key="made-up-key")


def test_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeAnthropic() as fake:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", fake.url)
        with AnthropicModel(api_key=fake.key) as model:
            result = model.call("x")
            assert (result["output"], result["provider"]) == ("Hello from the fake.", "anthropic")
            assert result["model"] == "claude-haiku-4-5-20251001"
            assert fake.key not in repr(model) + str(vars(model)["model_name"])
            assert fake.seen(fake.requests[0]).temperature == 7.3e-07
            json.dumps(result)
        assert model.call("again")["output"] == "Hello from the fake."
        model.close()


def test_an_alias_of_a_retired_model_leads_to_its_successor_and_says_so() -> None:
    with FakeMistral() as fake, MistralAPIModel("medium", fake.key, f"{fake.url}/v1") as model:
        result = success(model.call("x"))
        assert fake.seen(fake.requests[0]).model == result["model"] == "mistral-large-latest"
        assert "mistral-large-2411" in result["warnings"][0]


def test_a_full_name_is_never_swapped() -> None:
    with FakeMistral() as fake, MistralAPIModel("mistral-large-2411", fake.key, f"{fake.url}/v1") as model:
        fake.script(fake.unknown_model())
        assert failure(model.call("x"))["error_type"] == "model_not_found"
        assert fake.seen(fake.requests[0]).model == "mistral-large-2411"


def test_retries_are_the_callers_to_set() -> None:
    with FakeAnthropicOllama() as fake, AnthropicOllamaAPIModel("tiny", fake.url, max_retries=1) as model:
        fake.script(*[fake.error(529, "busy", retry_after="0")] * 5)
        assert failure(model.call("x"))["error_type"] == "overloaded"
        assert len(fake.requests) == 2


def test_a_server_that_is_not_there_is_a_result() -> None:
    with DevstralLocalModel(endpoint="http://127.0.0.1:9") as model:
        result = failure(model.call("x"))
    assert result["error_type"] == "connection"
    assert "llama.cpp server not responding" in result["error"]
    with OllamaModel("m", host="127.0.0.1:9") as ollama:
        assert "ollama serve" in failure(ollama.call("x"))["error"]


def test_many_threads_at_once_and_nothing_left() -> None:
    before = threading.active_count()
    with FakeAnthropicOllama() as fake, AnthropicOllamaAPIModel("tiny", fake.url) as model:
        results: list[Any] = []
        threads = [threading.Thread(target=lambda: results.append(model.call("x")["output"])) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert results == ["Hello from the fake."] * 20
    wait_until(lambda: threading.active_count() <= before + 8)  # asyncio keeps idle worker threads


def test_closing_aborts_the_calls_of_other_threads() -> None:
    with FakeAnthropicOllama() as fake:
        fake.script(Reply(chunks=[b": \n\n"], pause=60, content_type="text/event-stream"))
        model = AnthropicOllamaAPIModel("tiny", fake.url)
        failures: list[BaseException] = []

        def work() -> None:
            try:
                model.call("x")
            except RuntimeError as error:
                failures.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert fake.arrived.acquire(timeout=20)
        model.close()
        thread.join(10)
        assert "closed" in str(failures)
        assert fake.disconnected.wait(5)
        assert model.call("again")["output"] == "Hello from the fake."
        model.close()


def test_a_model_that_nobody_closes_leaves_no_thread() -> None:
    with FakeAnthropicOllama() as fake:
        AnthropicOllamaAPIModel("tiny", fake.url).call("x")
        gc.collect()
        wait_until(lambda: not any(thread.name == "anthropic_ollama model" for thread in threading.enumerate()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_starts_afresh() -> None:
    with FakeAnthropicOllama() as fake, AnthropicOllamaAPIModel("tiny", fake.url) as model:
        assert model.call("x")["output"] == "Hello from the fake."
        pid = os.fork()
        if pid == 0:
            os._exit(0 if model.call("x", timeout=10)["output"] == "Hello from the fake." else 1)
        wait_until(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: MistralAPIModel(api_key="k" * 20, base_url="nonsense"), ValueError, "MISTRAL_BASE_URL"),
        (lambda: AnthropicOllamaAPIModel(max_retries=-1), ValueError, "MAX_RETRIES"),
        (lambda: AnthropicModel(api_key="two words"), ValueError, "ANTHROPIC_API_KEY"),
    ],
)
def test_what_makes_no_sense_is_a_value_error(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        make()
    assert not isinstance(caught.value, ComplianceError)


def test_an_address_that_is_given_goes_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_BASE_URL", "http://127.0.0.1:9")
    given = MistralAPIModel(api_key="k" * 20, base_url="https://" + "api.mistral.ai/v1")
    assert given._env["MISTRAL_BASE_URL"] == "https://api.mistral.ai/v1"
    assert MistralAPIModel(api_key="k" * 20)._env["MISTRAL_BASE_URL"] == "http://127.0.0.1:9"


def test_a_timeout_is_a_result_and_closes_the_socket() -> None:
    with FakeAnthropicOllama() as fake, AnthropicOllamaAPIModel("tiny", fake.url) as model:
        fake.script(Reply(chunks=[b": \n\n"], pause=60, content_type="text/event-stream"))
        assert failure(model.call("x", timeout=1))["error_type"] == "timeout"
        assert fake.disconnected.wait(5)
