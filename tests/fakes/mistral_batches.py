"""Fake Mistral's Batch API, with strict checks. The shapes follow the types of `mistralai` 3.7 and the guide to batches."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests import official_batch_files as official
from tests.fakes.batch_files import Answer, BatchFiles
from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.mistral import FakeMistral

_STATES = {"completed": "SUCCESS", "expired": "TIMEOUT_EXCEEDED", "cancelled": "CANCELLED"}
_LEFT = {"expired": "batch_expired", "cancelled": "batch_cancelled"}


class FakeMistralBatches(BatchFiles, FakeMistral):
    """A Batch API of one workspace. A job is `QUEUED` until a test runs it.

    Attributes:
        oldest_first: Whether the list of jobs begins with the oldest one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.oldest_first = False

    def check(self, request: Request) -> Reply | None:
        if request.path == self.lines_url:  # a line of a job, whose model is the job's
            return FakeMistral.check(self, request)
        if not request.path.startswith(("/v1/files", "/v1/batch/jobs")):
            return FakeMistral.check(self, request)
        if request.headers.get("authorization") != self.authorization():
            return json_reply({"detail": "Unauthorized"}, 401)
        if request.method == "POST" and request.path == "/v1/files":
            form = request.body
            if form.keys() - {"visibility"} != {"purpose", "file", "filename"} or form["purpose"] != "batch":
                return self.invalid("file", f"Invalid form: {sorted(form)}")
        if request.method == "POST" and request.path == "/v1/batch/jobs":
            official.check_request("mistral", request)
            if not set(request.body["input_files"]) <= self.files.keys():
                return self.invalid("input_files", "No such file")
        return None

    def answer(self, request: Request) -> Reply:
        split = urlsplit(request.path)
        parts = split.path.split("/")[2:]
        if parts[0] == "files":
            return self._files(request, parts[1:])
        if parts[0] != "batch":
            return FakeMistral.answer(self, request)
        if parts == ["batch", "jobs"]:
            return self._create(request) if request.method == "POST" else self._list(parse_qs(split.query))
        if parts[2] not in self.jobs:
            return self.error(404, f"Job {parts[2]} not found")
        if parts[3:] == ["cancel"]:
            self.jobs[parts[2]]["status"] = "CANCELLATION_REQUESTED"
        return self._job(self.jobs[parts[2]])

    def authorization(self) -> str:
        return f"Bearer {self.key}"

    def greeting(self, item_id: str, request: Request) -> tuple[int, Any]:
        return 200, chat_completion(request)

    def silence(self, item_id: str, request: Request) -> tuple[int, Any]:
        return 200, chat_completion(request, "")

    def result_file(self, job_id: str) -> str:
        return str(self.jobs[job_id]["output_file"])

    def upload_reply(self) -> Reply:
        fields = {"filename": "x", "purpose": "batch", "sample_type": "batch_request", "source": "upload"}
        return json_reply({"id": "file-1", "object": "file", "bytes": 1, "created_at": 1, **fields})

    def run(self, job_id: str, answer: Answer | None = None, *, end: str = "completed", answered: int | None = None) -> None:
        """Run a job to its end: refuse its file, or answer its lines.

        Args:
            job_id: The job.
            answer: Answers a request. None means with a greeting.
            end: The job's end: `completed`, `expired` or `cancelled`.
            answered: How many lines are answered. None means all.
        """
        job, now = self.jobs[job_id], int(time.time())
        lines = self.lines(job["input_files"][0])
        if problems := _problems(lines):
            job.update(status="FAILED", completed_at=now, errors=[{"message": said, "count": 1} for said in problems])
            return
        for line in lines:
            line["body"]["model"] = job["model"]
        self.lines_url = job["endpoint"]
        output, failures, failed = self.run_lines(lines, answer or self.greeting, _LEFT.get(end, ""), answered)
        counts = {"total": len(lines), "completed": len(lines), "succeeded": len(lines) - failed, "failed": failed}
        job.update({f"{name}_requests": count for name, count in counts.items()})
        job.update(status=_STATES[end], completed_at=now, output_file=output or None, error_file=failures or None)

    def add_jobs(self, count: int, created: int) -> None:
        """Add jobs of somebody else's, each a second older than the one before it."""
        older = {}
        for number in range(count):
            job_id = f"old-{len(self.jobs) + number}"
            older[job_id] = {**_new_job(job_id, ["file-0"], "/v1/chat/completions"), "created_at": created - number}
        self.jobs = {**dict(reversed(older.items())), **self.jobs}

    def _files(self, request: Request, parts: list[str]) -> Reply:
        if parts and parts[0] not in self.files:
            return self.error(404, f"No such file: {parts[0]}")
        if parts:
            return self.content(parts[0])
        file_id = self.new_file(request.body["file"].encode())
        fields = {"filename": request.body["filename"], "purpose": "batch", "sample_type": "batch_request", "source": "upload"}
        return json_reply({"id": file_id, "object": "file", "bytes": len(self.files[file_id]), "created_at": 1, **fields})

    def _create(self, request: Request) -> Reply:
        body = request.body
        job = _new_job(f"job-{len(self.jobs) + 1}", body["input_files"], body["endpoint"])
        job.update(model=body["model"], metadata=body.get("metadata"))
        return self.made(job, self._job(job))

    def _list(self, query: dict[str, list[str]]) -> Reply:
        jobs = list(self.jobs.values()) if self.oldest_first else list(self.jobs.values())[::-1]
        size, page = int(query["page_size"][0]), int(query["page"][0])
        return json_reply({"object": "list", "total": len(jobs), "data": jobs[page * size : (page + 1) * size]})

    def _job(self, job: dict[str, Any]) -> Reply:
        official.check_job("mistral", job)
        return json_reply(job)


def _new_job(job_id: str, files: list[str], endpoint: str) -> dict[str, Any]:
    return {
        "id": job_id,
        "object": "batch",
        "endpoint": endpoint,
        "input_files": files,
        "model": None,
        "errors": [],
        "status": "QUEUED",
        "output_file": None,
        "error_file": None,
        "created_at": int(time.time()),
        "completed_at": None,
        "total_requests": 0,
        "completed_requests": 0,
        "succeeded_requests": 0,
        "failed_requests": 0,
        "metadata": None,
    }


def _problems(lines: list[dict[str, Any]]) -> list[str]:
    """Return why a file is refused."""
    found: list[str] = []
    ids: set[str] = set()
    for number, line in enumerate(lines, 1):
        if line.keys() != {"custom_id", "body"}:
            found.append(f"line {number}: Extra inputs are not permitted")
        elif line["custom_id"] in ids:
            found.append(f"line {number}: duplicate custom_id")
        elif line["body"].keys() & {"model", "stream", "service_tier"}:
            found.append(f"line {number}: not in a batch")
        ids.add(line.get("custom_id", ""))
    return found


def chat_completion(request: Request, content: Any = "Hello from the fake.", finish_reason: str = "stop") -> dict[str, Any]:
    """Return a chat completion that is not streamed."""
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "total_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 5},
        "service_tier": "standard",
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish_reason}
    fields = {"object": "chat.completion", "created": 1, "model": request.body["model"], "choices": [choice]}
    return {"id": "1", "usage": usage, **fields}
