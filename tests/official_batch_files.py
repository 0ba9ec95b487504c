"""Check what stands in jobs of files against the types of OpenAI's and Mistral's SDKs, as `official.py` does for calls."""

from __future__ import annotations

from typing import Any

from tests.fakes.endpoint import Request
from tests.official import _closed, _closed_model, _exhaust


def check_request(provider: str, request: Request) -> None:
    """Raise an error if the official types do not allow a request that creates a job."""
    if provider == "openai":
        _exhaust(_closed("openai", "openai.types.batch_create_params", "BatchCreateParams").validate_python(request.body))
    else:
        from mistralai.client import models

        _closed_model(models.CreateBatchJobRequest).model_validate(request.body)


def check_job(provider: str, job: dict[str, Any]) -> None:
    """Raise an error if a fake's job is not as the official types have it."""
    if provider == "openai":
        from openai.types import Batch

        _closed_model(Batch).model_validate(job, strict=True)
    else:
        from mistralai.client import models

        _closed_model(models.BatchJob).model_validate(job)


def check_line(provider: str, line: dict[str, Any]) -> None:
    """Raise an error if the official types do not allow the body of a line. It is never streamed."""
    if provider == "openai":
        responses, chat = "openai.types.responses.response_create_params", "openai.types.chat.completion_create_params"
        if line["url"] == "/v1/responses":
            kind = _closed("openai", responses, "ResponseCreateParamsNonStreaming")
        else:
            kind = _closed("openai", chat, "CompletionCreateParamsNonStreaming")
        _exhaust(kind.validate_python(line["body"]))
    else:
        from mistralai.client import models

        _closed_model(models.BatchRequest).model_validate(line)
        _closed_model(models.ChatCompletionRequest).model_validate({"model": "any", **line["body"]})
    assert not line["body"].keys() & {"stream", "stream_options", "service_tier"}
