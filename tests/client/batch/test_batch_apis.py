"""`mcp-models batch --route batch` with each provider's Batch API: a kill once a job was accepted costs no second one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.anthropic_batches import FakeAnthropicBatches
from tests.fakes.endpoint import Reply, Request
from tests.fakes.google_ai_studio_batches import FakeGoogleBatches
from tests.fakes.mistral_batches import FakeMistralBatches
from tests.fakes.openai_batches import FakeOpenAIBatches

FAKES: list[Any] = [FakeOpenAIBatches, FakeMistralBatches, FakeAnthropicBatches, FakeGoogleBatches]

pytestmark = pytest.mark.slow


class Program:
    """`mcp-models batch` with a provider's fake.

    Args:
        folder: Where the input and the output are.
        fake: The fake.
    """

    def __init__(self, folder: Path, fake: Any) -> None:
        self.output, self._input = folder / "out.jsonl", folder / "in.jsonl"
        self._input.write_text("".join(json.dumps({"id": f"r{number}", "prompt": f"p{number}"}) + "\n" for number in range(3)))
        self._fake = fake

    def start(self) -> subprocess.Popen[bytes]:
        """Start it."""
        words = ["batch", self._fake.provider, str(self._input), "-o", str(self.output), "--route", "batch"]
        env = {**os.environ, **self._fake.environment(), "MODEL_DEFAULT": self._fake.model}
        command = [sys.executable, "-m", "mcp_models.client.commands", *words]
        return subprocess.Popen(command, env=env)

    def rows(self) -> dict[str, Any]:
        """Return the lines of the output, by the ids of the rows."""
        return {row["id"]: row for row in map(json.loads, self.output.read_text().splitlines())}


@pytest.mark.parametrize("fake_class", FAKES, ids=lambda fake: str(fake.provider))
def test_a_kill_between_the_job_and_the_journal(fake_class: Any, tmp_path: Path) -> None:
    with fake_class() as fake:
        program = Program(tmp_path, fake)
        process = program.start()
        answer = fake.answer

        def kill_once_there_is_a_job(request: Request) -> Reply:
            reply: Reply = answer(request)
            if fake.jobs:
                process.kill()
            return reply

        fake.answer = kill_once_there_is_a_job
        assert process.wait(60) == -9
        fake.answer = answer
        (job,) = fake.jobs
        end = getattr(fake, "run", None) or fake.end
        end(job)
        process = program.start()
        assert process.wait(60) == 0
        assert len(fake.jobs) == 1
        rows = program.rows()
    assert sorted(rows) == ["r0", "r1", "r2"]
    assert all(row["output"].startswith("Hello") for row in rows.values())
    assert {row["service_tier"] for row in rows.values()} == {"batch"}
