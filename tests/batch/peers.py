"""List what you would use instead of a batch: curator, LiteLLM, and a loop over the SDK. Each runs in its own environment."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from tests.batch.speed_round import BARE_LOOP
from tests.checkout import ROOT
from tests.installed import pinned, python

CURATOR_LOCK = Path(__file__).parent / "environments" / "curator.txt"
LITELLM_LOCK = ROOT / "bench" / "peers" / "litellm.txt"

_CURATOR = """
import json, os, sys
from bespokelabs import curator

class Ask(curator.LLM):
    def prompt(self, row):
        return row["prompt"]

    def parse(self, row, response):
        return {"id": row["id"], "output": response}

source, output, concurrency = sys.argv[1:]
limits = {
    "max_requests_per_minute": 1_000_000,
    "max_tokens_per_minute": 1_000_000_000,
    "max_concurrent_requests": int(concurrency),
}
ask = Ask(model_name="gpt-x", backend="openai", backend_params=limits)
answers = ask([json.loads(line) for line in open(source)], working_dir=output + ".curator")
with open(output, "w") as file:
    for row in answers.dataset:
        file.write(json.dumps({"id": row["id"], "output": row["output"]}) + "\\n")
"""

_LITELLM = """
import json, os, sys
from litellm import batch_completion

source, output, concurrency = sys.argv[1:]
rows = [json.loads(line) for line in open(source)]
messages = [[{"role": "user", "content": row["prompt"]}] for row in rows]
answers = batch_completion(
    model="openai/gpt-x", messages=messages, api_base=os.environ["OPENAI_BASE_URL"], max_workers=int(concurrency))
with open(output, "w") as file:
    for row, answer in zip(rows, answers):
        file.write(json.dumps({"id": row["id"], "output": answer.choices[0].message.content}) + "\\n")
"""


class Peer(Struct, frozen=True):
    """A program that asks the rows of a file.

    Attributes:
        name: Its name with its version.
        command: Returns the words to start it with, for an input, an output and the calls in flight.
        env: Variables for it.
    """

    name: str
    command: Callable[[Path, Path, int], list[str]]
    env: dict[str, str] = {}


@functools.cache
def peers() -> list[Peer]:
    """Return them all, our own first. Their environments are created on first use, in the home folder of that moment."""
    curator, litellm = python(CURATOR_LOCK), python(LITELLM_LOCK)
    # LiteLLM brings the vocabulary that curator would fetch.
    vocabulary = next(curator.parent.parent.glob("lib/*/site-packages/litellm/litellm_core_utils/tokenizers"))
    quiet = {"TELEMETRY_ENABLED": "false", "CURATOR_DISABLE_RICH_DISPLAY": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    return [
        Peer("mcp-models batch", _ours),
        Peer(
            f"curator {pinned('bespokelabs-curator', CURATOR_LOCK)}",
            _script(str(curator), _CURATOR),
            {**quiet, "TIKTOKEN_CACHE_DIR": str(vocabulary)},
        ),
        Peer(f"litellm {pinned('litellm', LITELLM_LOCK)}, batch_completion", _script(str(litellm), _LITELLM), quiet),
        Peer("a bare loop over the SDK", _script(sys.executable, BARE_LOOP)),
    ]


def _ours(source: Path, output: Path, concurrency: int) -> list[str]:
    words = ["batch", "openai/gpt-x", str(source), "-o", str(output), "--concurrency", str(concurrency)]
    return [sys.executable, "-m", "mcp_models.client.commands", *words]


def _script(interpreter: str, text: str) -> Callable[[Path, Path, int], list[str]]:
    return lambda source, output, concurrency: [interpreter, "-c", text, str(source), str(output), str(concurrency)]
