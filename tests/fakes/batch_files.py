"""Fake what OpenAI's and Mistral's Batch APIs have in common: files of requests, and files of results.

A test decides when a job runs, and how it ends: `run` answers its lines, all of them or the first few.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.fakes.endpoint import Reply, Request
from tests.fakes.provider import FakeProvider

Answer = Callable[[str, Request], tuple[int, Any]]
"""Returns the status and the body for a request, given its id and the request."""


class BatchFiles(FakeProvider):
    """The files and the jobs of a fake Batch API.

    Attributes:
        files: The files, by their ids.
        jobs: The jobs, by their ids, the oldest first.
        loses_answers: Whether the connection is cut after a job was made, before its maker knows.
    """

    lines_url = ""
    """The path that the requests of a job stand for."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.loses_answers = False

    def decode(self, raw: bytes, headers: dict[str, str]) -> bytes:
        """Return the fields of a form as JSON, and any other body as it is."""
        found = re.search(r"boundary=(\S+)", headers.get("content-type", ""))
        return json.dumps(_form(raw, found[1].encode())).encode() if found else raw

    def new_file(self, content: bytes) -> str:
        """Keep a file, and return its id."""
        name = f"file-{len(self.files) + 1}"
        self.files[name] = content
        return name

    def content(self, file_id: str) -> Reply:
        """Return a file as it is downloaded, in a few pieces."""
        data = self.files[file_id]
        size = max(len(data) // 3, 1)
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        return Reply(chunks=pieces, content_type="application/octet-stream")

    def made(self, job: dict[str, Any], reply: Reply) -> Reply:
        """Keep a new job, and return the reply to its maker, which may get lost."""
        self.jobs[job["id"]] = job
        return Reply(chunks=[], cut=True) if self.loses_answers else reply

    def lines(self, file_id: str) -> list[dict[str, Any]]:
        """Return the requests in a file."""
        data = self.files[file_id]
        assert data.endswith(b"\n")
        return [json.loads(line) for line in data.split(b"\n")[:-1]]

    def run_lines(self, lines: list[dict[str, Any]], answer: Answer, left: str, answered: int | None) -> tuple[str, str, int]:
        """Answer the first lines. Return the files of answers and of failures, empty ids for empty files, and the failures.

        Args:
            lines: The requests of a job.
            answer: Answers one.
            left: The code of those that are left.
            answered: How many are answered. None means all.
        """
        good: list[dict[str, Any]] = []
        bad: list[dict[str, Any]] = []
        for number, line in enumerate(lines):
            row: dict[str, Any] = {"id": f"batch_req_{number}", "custom_id": line["custom_id"], "response": None, "error": None}
            if answered is not None and number >= answered:
                bad.append({**row, "error": {"code": left, "message": "This request could not be executed in time."}})
                continue
            request = Request("POST", self.lines_url, {"authorization": self.authorization()}, line["body"])
            refusal = self.check(request)
            status, body = (refusal.status, json.loads(refusal.body)) if refusal else answer(line["custom_id"], request)
            row["response"] = {"status_code": status, "request_id": f"req_{number}", "body": body}
            (good if status == 200 else bad).append(row)
        return self._file_of(good), self._file_of(bad), len(bad)

    def authorization(self) -> str:
        """Return the header that the right key makes."""
        raise NotImplementedError

    def greeting(self, item_id: str, request: Request) -> tuple[int, Any]:
        """Return a good answer."""
        raise NotImplementedError

    def silence(self, item_id: str, request: Request) -> tuple[int, Any]:
        """Return an answer without text."""
        raise NotImplementedError

    def result_file(self, job_id: str) -> str:
        """Return the id of the file with a job's answers."""
        raise NotImplementedError

    def upload_reply(self) -> Reply:
        """Return the reply to an upload."""
        raise NotImplementedError

    def _file_of(self, rows: list[dict[str, Any]]) -> str:
        return self.new_file(b"".join(json.dumps(row).encode() + b"\n" for row in rows)) if rows else ""


def _form(raw: bytes, boundary: bytes) -> dict[str, str]:
    """Return the fields of a form. A file also has its name, as `filename`."""
    fields: dict[str, str] = {}
    for part in raw.split(b"--" + boundary)[1:-1]:
        head, _, value = part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n")
        named = re.search(rb'name="([^"]+)"', head)
        assert named
        fields[named[1].decode()] = value.decode()
        if filename := re.search(rb'filename="([^"]+)"', head):
            fields["filename"] = filename[1].decode()
    return fields
