"""Fake OpenAI's Batch API, with strict checks. The shapes follow the types of `openai` 3.54 and the guide to batches."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests import official_batch_files as official
from tests.fakes.batch_files import Answer, BatchFiles
from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.openai import TEXT, FakeOpenAI, error, response

_FILE_FIELDS = {"purpose", "file", "filename", "expires_after[anchor]", "expires_after[seconds]"}


class FakeOpenAIBatches(BatchFiles, FakeOpenAI):
    """A Batch API of one account. A job waits in `validating` until a test runs it.

    Attributes:
        oldest_first: Whether the list of jobs begins with the oldest one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.oldest_first = False

    def check(self, request: Request) -> Reply | None:
        if not request.path.startswith(("/v1/files", "/v1/batches")):
            return FakeOpenAI.check(self, request)
        if request.headers.get("authorization") != self.authorization():
            return error(401, "Incorrect API key provided: sk-proj-********6789.", code="invalid_api_key")
        if request.method == "POST" and request.path == "/v1/files":
            return self._check_file(request.body)
        if request.method == "POST" and request.path == "/v1/batches":
            official.check_request("openai", request)
            if request.body["input_file_id"] not in self.files:
                return error(400, "Invalid 'input_file_id'.", param="input_file_id")
        return None

    def answer(self, request: Request) -> Reply:
        split = urlsplit(request.path)
        parts = split.path.split("/")[2:]
        if parts[0] == "files":
            return self._files(request, parts[1:])
        if parts[0] != "batches":
            return FakeOpenAI.answer(self, request)
        if parts == ["batches"]:
            return self._create(request) if request.method == "POST" else self._list(parse_qs(split.query))
        if parts[1] not in self.jobs:
            return error(404, f"No batch found with id '{parts[1]}'.")
        if parts[2:] == ["cancel"]:
            self.jobs[parts[1]]["status"] = "cancelling"
        return self._job(self.jobs[parts[1]])

    def authorization(self) -> str:
        return f"Bearer {self.key}"

    def greeting(self, item_id: str, request: Request) -> tuple[int, Any]:
        return greeting(item_id, request)

    def silence(self, item_id: str, request: Request) -> tuple[int, Any]:
        return 200, chat_completion(request, "") if "messages" in request.body else response(request, output=[])

    def result_file(self, job_id: str) -> str:
        return str(self.jobs[job_id]["output_file_id"])

    def upload_reply(self) -> Reply:
        return json_reply({"id": "file-1", "object": "file", "bytes": 1, "created_at": 1, "filename": "x", "purpose": "batch"})

    def run(self, job_id: str, answer: Answer | None = None, *, end: str = "completed", answered: int | None = None) -> None:
        """Run a job to its end: refuse its file, or answer its lines.

        Args:
            job_id: The job.
            answer: Answers a request. None means with a greeting.
            end: The job's last state.
            answered: How many lines are answered. None means all.
        """
        job, now = self.jobs[job_id], int(time.time())
        lines = self.lines(job["input_file_id"])
        if problems := _problems(lines, job["endpoint"]):
            data = [{"code": code, "line": line, "message": said, "param": None} for code, line, said in problems]
            job.update(status="failed", failed_at=now, errors={"object": "list", "data": data})
            return
        self.lines_url = job["endpoint"]
        left = {"expired": "batch_expired", "cancelled": "batch_cancelled"}.get(end, "")
        output, failures, failed = self.run_lines(lines, answer or greeting, left, answered)
        counts = {"total": len(lines), "completed": len(lines) - failed, "failed": failed}
        job.update(status=end, request_counts=counts, output_file_id=output or None, error_file_id=failures or None)
        job[f"{end}_at"] = now

    def add_jobs(self, count: int, created: int) -> None:
        """Add jobs of somebody else's, each a second older than the one before it."""
        older = {}
        for number in range(count):
            job_id = f"batch_old_{len(self.jobs) + number}"
            older[job_id] = {**_new_job(job_id, "file-0", "/v1/responses"), "created_at": created - number}
        self.jobs = {**dict(reversed(older.items())), **self.jobs}

    def _check_file(self, form: dict[str, Any]) -> Reply | None:
        if form.keys() != _FILE_FIELDS or form["purpose"] != "batch" or not form["filename"].endswith(".jsonl"):
            return error(400, f"Invalid form: {sorted(form)}.")
        if form["expires_after[anchor]"] != "created_at" or not 3600 <= int(form["expires_after[seconds]"]) <= 2_592_000:
            return error(400, "Invalid 'expires_after'.", param="expires_after")
        return None

    def _files(self, request: Request, parts: list[str]) -> Reply:
        if parts and parts[0] not in self.files:
            return error(404, f"No such File object: {parts[0]}")
        if parts:
            return self.content(parts[0])
        file_id = self.new_file(request.body["file"].encode())
        size = len(self.files[file_id])
        fields = {"filename": request.body["filename"], "purpose": "batch", "status": "processed", "created_at": 1}
        return json_reply({"id": file_id, "object": "file", "bytes": size, **fields})

    def _create(self, request: Request) -> Reply:
        job = _new_job(f"batch_{len(self.jobs) + 1}", request.body["input_file_id"], request.body["endpoint"])
        job["metadata"] = request.body.get("metadata")
        return self.made(job, self._job(job))

    def _list(self, query: dict[str, list[str]]) -> Reply:
        jobs = list(self.jobs.values()) if self.oldest_first else list(self.jobs.values())[::-1]
        limit, after = int(query.get("limit", ["20"])[0]), query.get("after", [""])[0]
        assert 1 <= limit <= 100
        start = next((number + 1 for number, job in enumerate(jobs) if job["id"] == after), 0)
        page = jobs[start : start + limit]
        ids = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
        return json_reply({"object": "list", "data": page, "has_more": start + limit < len(jobs), **ids})

    def _job(self, job: dict[str, Any]) -> Reply:
        official.check_job("openai", job)
        return json_reply(job)


def _new_job(job_id: str, file_id: str, endpoint: str) -> dict[str, Any]:
    now = int(time.time())
    return {
        "id": job_id,
        "object": "batch",
        "endpoint": endpoint,
        "errors": None,
        "input_file_id": file_id,
        "completion_window": "24h",
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "created_at": now,
        "expires_at": now + 86_400,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": None,
    }


def _problems(lines: list[dict[str, Any]], endpoint: str) -> list[tuple[str, int, str]]:
    """Return why a file is refused: the code, the line and the message of each problem."""
    found: list[tuple[str, int, str]] = []
    ids: set[str] = set()
    for number, line in enumerate(lines, 1):
        if line.keys() != {"custom_id", "method", "url", "body"} or line["method"] != "POST":
            found.append(("invalid_json_line", number, "This line does not have the form of a request."))
        elif line["custom_id"] in ids:
            found.append(("duplicate_custom_id", number, "The custom_id for this request is a duplicate of another request."))
        elif line["url"] != endpoint:
            found.append(("mismatched_endpoint", number, "The url of this request is not the batch's endpoint."))
        elif line["body"]["model"] != lines[0]["body"]["model"]:
            found.append(("mismatched_model", number, "The model of this request is not that of the first one."))
        elif line["body"].keys() & {"stream", "stream_options", "service_tier", "background"}:
            found.append(("invalid_request", number, "Streaming is not supported in the Batch API."))
        ids.add(line.get("custom_id", ""))
    return found


def greeting(item_id: str, request: Request) -> tuple[int, Any]:
    """Return a good answer, of either API."""
    return 200, chat_completion(request) if "messages" in request.body else response(request, service_tier="default")


def chat_completion(request: Request, text: str = TEXT, finish_reason: str = "stop") -> dict[str, Any]:
    """Return a chat completion that is not streamed."""
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "total_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "finish_reason": finish_reason}
    model = f"{request.body['model']}-2026-01-01"
    fields = {"object": "chat.completion", "created": 1, "model": model, "choices": [choice], "service_tier": "default"}
    return {"id": "chatcmpl-1", "usage": usage, **fields}
