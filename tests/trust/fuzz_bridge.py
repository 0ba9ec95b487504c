"""Check the claim that the bridge gives every call one end, whatever its server writes."""

from __future__ import annotations

import base64
import gc
import random
import sys
import threading
from pathlib import Path

from hypothesis import given, settings

from mcp_models.client import MCPModel, SessionError
from tests.trust.fuzz_lines import HOSTILE_LINES, Batch, batches
from tests.trust.fuzz_servers import EXAMPLES, LARGE
from tests.trust.outcome import Outcome

BATCH = 8
SECONDS = 10.0
MAX_GROWTH_MB = 150
SERVER = [sys.executable, str(Path(__file__).with_name("hostile_server.py"))]


def check_bridge(lines: int) -> Outcome:
    """Let a server write this many lines to the bridge, in the middle of calls and streams."""
    outcome = Outcome("The bridge gives each call one end, whatever its server writes")
    written, callbacks, before = 0, gc.callbacks[:], _start_measuring()
    with MCPModel("hostile", "m", SERVER) as model:
        threads = threading.active_count()

        @settings(max_examples=min(EXAMPLES, -(-lines // BATCH)), **LARGE)  # type: ignore[arg-type]
        @given(batches(HOSTILE_LINES, BATCH))
        def attack(batch: Batch) -> None:
            nonlocal written
            written += len(batch)
            # hypothesis times the garbage collector with a callback. CPython 3.11 aborts if one runs deep in nested JSON.
            gc.callbacks.clear()
            try:
                outcome.count(_end(model, batch))
            except Exception as error:
                outcome.fail(f"{error!r} from {batch!r}")

        while written < lines and len(outcome.failures) < 20:
            attack()
        # What the server still writes for an earlier call may hit the next one, but not for long.
        if not any(_answers_rightly(model) for _ in range(50)):
            outcome.fail("after all of this no call gets its answer")
        if model.in_flight:
            outcome.fail(f"{model.in_flight} calls are still in flight")
        if threading.active_count() > threads + 4:
            outcome.fail(f"{threading.active_count() - threads} threads too many")
    gc.callbacks[:] = callbacks
    outcome.figures["lines"] = written
    if before is not None:
        peak = _memory("VmHWM")
        outcome.figures["peak memory"] = f"{peak} MB, {before} of them the tests'"
        if peak - before >= MAX_GROWTH_MB:
            outcome.fail(f"{peak - before} MB of memory")
    return outcome


def _memory(which: str) -> int:
    """Return `VmRSS`, what this process has in memory, or `VmHWM`, the most it has had, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(which)) // 1024


def _start_measuring() -> int | None:
    """Forget the most memory that this process has had, and return what it has now, in MB. None where this cannot be done."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return None
    return _memory("VmRSS")


def _end(model: MCPModel, batch: Batch) -> str:
    """Make a call or a stream, and return how it ended: with a result, or with a documented exception."""
    prompt = " ".join(base64.b64encode(line).decode() for line in batch)
    try:
        if random.random() < 0.5:
            result = model.call(prompt, timeout=SECONDS)
        else:
            stream = model.stream(prompt, timeout=SECONDS)
            if not all(isinstance(piece, str) for piece in stream):
                raise AssertionError("a piece of a stream is no string")
            result = stream.result
    except SessionError as error:
        if "within" in str(error):
            raise AssertionError("the call timed out, though its server answers") from error
        return type(error).__name__
    if not (isinstance(result["output"], str) or isinstance(result["error"], str)):
        raise AssertionError(f"neither an output nor an error: {result!r}")
    return "results"


def _answers_rightly(model: MCPModel) -> bool:
    try:
        return model.call("", timeout=SECONDS)["output"] == "the right answer"
    except SessionError:
        return False
