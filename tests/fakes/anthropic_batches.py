"""Fake Anthropic's Message Batches API, with strict checks. Its shapes are validated by the SDK's own types.

Source: https://platform.claude.com/docs/en/api/creating-message-batches and the pages beside it.
"""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse

from tests import official
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.endpoint import Reply, Request, json_reply

_PATH = "/v1/messages/batches"
_REFUSED = ("stream", "speed", "store", "cache_hint", "context_hint")


class FakeAnthropicBatches(FakeAnthropic):
    """Keep jobs, and end them as a test says.

    Attributes:
        jobs: The jobs so far, by their ids, in the order of their creation.
        loses_answers: Whether to hang up instead of answering when a job has been created.
        page: How many jobs a page of the list has at most.
    """

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.loses_answers = False
        self.page = 1000
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._requests: dict[str, list[dict[str, Any]]] = {}
        self._ids = itertools.count(1)

    def check(self, request: Request) -> Reply | None:
        if not request.path.startswith(_PATH):
            return super().check(request)
        if request.headers.get("authorization") != f"Bearer {self.key}" or self.key in request.path:
            return self.error(401, "invalid bearer token")
        if request.headers.get("anthropic-version") not in ("2023-06-01", "2026-10-21"):
            return self.error(400, "anthropic-version: header is required")
        if request.method == "POST" and request.path == _PATH:
            return self._check_job(request)
        return None

    def answer(self, request: Request) -> Reply:
        path, _, query = request.path.partition("?")
        if not path.startswith(_PATH):
            return super().answer(request)
        job_id, _, action = path.removeprefix(_PATH).removeprefix("/").partition("/")
        if not job_id:
            return self._create(request) if request.method == "POST" else self._list(query)
        if job_id not in self.jobs:
            return self.error(404, f"Message batch {job_id} not found")
        job = self.jobs[job_id]
        if action == "cancel" and job["processing_status"] == "in_progress":
            job.update(processing_status="canceling", cancel_initiated_at=_now())
        if action == "results":
            if job["processing_status"] != "ended":
                return self.error(400, "results are not yet available")
            lines = [json.dumps(row).encode() + b"\n" for row in self._rows[job_id]]
            return Reply(chunks=lines, content_type="application/x-jsonl")
        return json_reply(job)

    def end(self, job_id: str, *rows: dict[str, Any]) -> None:
        """End a job. Requests without a row of their own get an answer.

        Args:
            job_id: The job.
            rows: Its first results, such as `expired()`.
        """
        asked = self._requests[job_id]
        results = [*rows, *(succeeded(self.model, f"Hello, {each['custom_id']}.") for each in asked[len(rows) :])]
        pairs = [{"custom_id": each["custom_id"], "result": result} for each, result in zip(asked, results, strict=True)]
        for pair in pairs[len(rows) : 50]:
            MessageBatchIndividualResponse.model_validate(pair)
        self._rows[job_id] = pairs[::-1]  # the order is not promised
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        for result in results:
            counts[result["type"] if result["type"] in counts else "errored"] += 1
        job = self.jobs[job_id]
        # A true address of Anthropic's, so that a test sees if anything goes there.
        url = f"https://api.anthropic.com{_PATH}/{job_id}/results"
        job.update(processing_status="ended", ended_at=_now(), request_counts=counts, results_url=url)
        MessageBatch.model_validate(job)

    def _check_job(self, request: Request) -> Reply | None:
        requests = request.body.get("requests")
        if not requests or request.body.keys() != {"requests"}:
            return self.error(400, "requests: List should have at least 1 item")
        if len({each["custom_id"] for each in requests}) != len(requests):
            return self.error(400, "requests: custom_id must be unique")
        for each in requests:
            if each.keys() != {"custom_id", "params"} or not re.fullmatch("[a-zA-Z0-9_-]{1,64}", each["custom_id"]):
                return self.error(400, "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'")
            for name in _REFUSED:
                if name in each["params"]:
                    return self.error(400, f"requests.0.params.{name}: not supported in a batch")
        for each in requests[:50]:
            official.check_batch_line("anthropic", request, each)
            if refusal := self._check_body(each["params"], request.headers["anthropic-version"]):
                return refusal
        return None

    def _create(self, request: Request) -> Reply:
        requests = request.body["requests"]
        job_id = f"msgbatch_{next(self._ids)}"
        job = {
            "id": job_id,
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": {"processing": len(requests), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
            "created_at": _now(),
            "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
            "ended_at": None,
            "cancel_initiated_at": None,
            "archived_at": None,
            "results_url": None,
        }
        MessageBatch.model_validate(job)
        self.jobs[job_id], self._requests[job_id] = job, requests
        return Reply(chunks=[], cut=True) if self.loses_answers else json_reply(job)

    def _list(self, query: str) -> Reply:
        newest_first = list(self.jobs.values())[::-1]
        if after := re.search("after_id=([^&]+)", query):
            newest_first = newest_first[[job["id"] for job in newest_first].index(after[1]) + 1 :]
        page = newest_first[: self.page]
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
        return json_reply({"data": page, "has_more": len(newest_first) > len(page), **ends})


def succeeded(model: str, text: str, **fields: Any) -> dict[str, Any]:
    """Return the result of a request that was answered."""
    usage = {"input_tokens": 15, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0, "output_tokens": 10}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [
            {"type": "thinking", "thinking": "hmm", "signature": "s"},
            {"type": "text", "text": text, "citations": None},
        ],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {**usage, "service_tier": "batch", "output_tokens_details": {"thinking_tokens": 4}},
    }
    return {"type": "succeeded", "message": {**message, **fields}}


def errored(kind: str, message: str) -> dict[str, Any]:
    """Return the result of a request that failed."""
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return {"type": "errored", "error": error}


CANCELED: dict[str, Any] = {"type": "canceled"}
EXPIRED: dict[str, Any] = {"type": "expired"}


def _now() -> str:
    return datetime.now(UTC).isoformat()
