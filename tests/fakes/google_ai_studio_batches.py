"""Fake the Batch API and the Files API of Google AI Studio, with strict checks. google-genai reads it in a test, too.

Source: https://ai.google.dev/gemini-api/docs/batch-api and https://ai.google.dev/api/files.
"""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime
from typing import Any

from tests import official
from tests.fakes.endpoint import Reply, Request, json_reply
from tests.fakes.google_ai_studio import FakeGoogleAIStudio


class FakeGoogleBatches(FakeGoogleAIStudio):
    """Keep files and jobs, and end the jobs as a test says.

    Attributes:
        jobs: The jobs so far, by their names, in the order of their creation.
        files: The lines of each file, by its name.
        loses_answers: Whether to hang up instead of answering when a job has been created.
        page: How many jobs a page of the list has at most.
    """

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, list[dict[str, Any]]] = {}
        self.loses_answers = False
        self.page = 1000
        self._sizes: dict[str, int] = {}
        self._inputs: dict[str, str] = {}
        self._ids = itertools.count(1)

    def decode(self, raw: bytes, headers: dict[str, str]) -> bytes:
        if "upload, finalize" not in headers.get("x-goog-upload-command", ""):
            return raw
        return json.dumps({"size": len(raw), "lines": raw.decode()}).encode()

    def check(self, request: Request) -> Reply | None:
        if not re.match(r"/(upload|download)/|/v1beta/batches|/v1beta/models/[^:]+:batch", request.path):
            return super().check(request)
        if "key=" in request.path or request.headers.get("x-goog-api-key") != self.key:
            return self.error(400, "API key not valid. Please pass a valid API key.")
        return None

    def answer(self, request: Request) -> Reply:
        path = request.path.partition("?")[0]
        if path == "/upload/v1beta/files":
            return self._upload(request)
        if found := re.fullmatch(r"/v1beta/models/([^/:]+):batchGenerateContent", path):
            return self._create(request, found[1])
        if path == "/v1beta/batches":
            return self._list(request)
        if found := re.fullmatch(r"/download/v1beta/(files/[^:]+):download", path):
            assert request.path.endswith("?alt=media")
            if found[1] not in self.files:
                return self.error(404, "Requested entity was not found.")
            lines = [json.dumps(row).encode() + b"\n" for row in self.files[found[1]]]
            return Reply(chunks=lines, content_type="application/octet-stream")
        if found := re.fullmatch(r"/v1beta/(batches/[^/:]+)(:cancel)?", path):
            if found[1] not in self.jobs:
                return self.error(404, "Requested entity was not found.")
            if found[2]:
                assert request.method == "POST"
                self.jobs[found[1]]["metadata"]["state"] = "BATCH_STATE_CANCELLING"
            return json_reply({} if found[2] else self.jobs[found[1]])
        return super().answer(request)

    def end(self, name: str, *rows: dict[str, Any], state: str = "SUCCEEDED", inline: bool = False, old: bool = False) -> None:
        """End a job. Requests without a row of their own get an answer.

        Args:
            name: The job.
            rows: Its first results, such as `failed(13, "Internal")`.
            state: The state that it ends in.
            inline: Whether the results stand in the job, as if the requests had stood in the call.
            old: Whether the job says where they are only where the SDK looks for it.
        """
        asked = self.files[self._inputs[name]]
        given = [*rows, *(response(f"Hello, {each['key']}.") for each in asked[len(rows) :])]
        results = [{"key": each["key"], **row} for each, row in zip(asked, given, strict=True)]
        file = f"files/batch-{name.removeprefix('batches/')}"
        output: dict[str, Any] = {"responsesFile": file}
        if inline:
            rows = tuple({"metadata": {"key": row.pop("key")}, **row} for row in results)
            output = {"inlinedResponses": {"inlinedResponses": rows}}
        else:
            self.files[file] = results
        self.stop(name, state)
        self.jobs[name]["metadata"]["output"] = output
        if not old:
            self.jobs[name]["response"] = {"@type": "type.googleapis.com/…GenerateContentBatchOutput", **output}
        bad = sum("error" in row for row in given)
        counts = {"requestCount": len(asked), "successfulRequestCount": len(asked) - bad, "failedRequestCount": bad}
        self.jobs[name]["metadata"]["batchStats"] = {key: str(count) for key, count in counts.items()}

    def stop(self, name: str, state: str, **error: Any) -> None:
        """End a job without results."""
        job = self.jobs[name]
        job["metadata"] |= {"state": f"BATCH_STATE_{state}", "endTime": _now()}
        job["done"] = True
        if error:
            job["error"] = error

    def _upload(self, request: Request) -> Reply:
        command = request.headers["x-goog-upload-command"]
        if command == "start":
            assert request.headers["x-goog-upload-protocol"] == "resumable"
            assert request.headers["x-goog-upload-header-content-type"] == "jsonl"
            assert request.body.keys() == {"file"}
            upload = f"u{next(self._ids)}"
            self._sizes[upload] = int(request.headers["x-goog-upload-header-content-length"])
            # A true address of Google's, so that a test sees if anything goes there.
            url = f"https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id={upload}&upload_protocol=resumable"
            return json_reply({}, 200, **{"x-goog-upload-url": url, "x-goog-upload-status": "active"})
        assert (command, request.headers["x-goog-upload-offset"]) == ("upload, finalize", "0")
        upload = request.path.partition("upload_id=")[2].partition("&")[0]
        if request.body["size"] != self._sizes.pop(upload):
            return self.error(400, "The upload has another size.")
        name = f"files/f{next(self._ids)}"
        self.files[name] = [json.loads(line) for line in request.body["lines"].splitlines()]
        for line in self.files[name][:50]:
            official.check_batch_line(self.provider, request, line)
        return json_reply({"file": {"name": name, "state": "ACTIVE"}}, 200, **{"x-goog-upload-status": "final"})

    def _create(self, request: Request, model: str) -> Reply:
        batch = request.body["batch"]
        if request.body.keys() != {"batch"} or batch.keys() != {"displayName", "inputConfig"}:
            return self.error(400, "Invalid JSON payload received.")
        if batch["inputConfig"].keys() != {"fileName"} or batch["inputConfig"]["fileName"] not in self.files:
            return self.error(400, "The file does not exist.")
        if not model.startswith("gemini-"):
            return self.error(404, f"models/{model} is not found for API version v1beta")
        name = f"batches/b{next(self._ids)}"
        self._inputs[name] = batch["inputConfig"]["fileName"]
        count = str(len(self.files[self._inputs[name]]))
        self.jobs[name] = {
            "name": name,
            "metadata": {
                "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
                "model": f"models/{model}",
                "displayName": batch["displayName"],
                "createTime": _now(),
                "updateTime": _now(),
                "batchStats": {"requestCount": count, "pendingRequestCount": count},
                "state": "BATCH_STATE_PENDING",
                "name": name,
            },
        }
        return Reply(chunks=[], cut=True) if self.loses_answers else json_reply(self.jobs[name])

    def _list(self, request: Request) -> Reply:
        found = re.search(r"pageToken=(\d+)", request.path)
        start = int(found[1]) if found else 0
        page = list(self.jobs.values())[start : start + self.page]
        more = {"nextPageToken": str(start + self.page)} if start + self.page < len(self.jobs) else {}
        return json_reply({"operations": page, **more} if page else {})


def response(text: str, finish: str = "STOP", **fields: Any) -> dict[str, Any]:
    """Return the row of a request that was answered."""
    parts = [{"text": "hmm", "thought": True}, {"text": text}]
    usage = {"promptTokenCount": 20, "cachedContentTokenCount": 5, "candidatesTokenCount": 6, "thoughtsTokenCount": 4}
    body = {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}],
        "modelVersion": FakeGoogleAIStudio.model,
        "usageMetadata": usage,
        "responseId": "req_fake",
    }
    return {"response": {**body, **fields}}


def failed(code: int, message: str) -> dict[str, Any]:
    """Return the row of a request that failed, with a code of google.rpc."""
    return {"error": {"code": code, "message": message}}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
