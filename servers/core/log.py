"""Log calls under the name `mcp_models`: names, sizes, statuses and times, but never a prompt, an answer or a key.

A server writes the log to stderr if MCP_MODELS_LOG is set. In your own process, set up `logging` as for any library. This
module is imported on the first call, when `asyncio` has imported `logging` anyway.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from mcp_models.servers.core.errors import CompletionError
from mcp_models.servers.core.redaction import redact
from mcp_models.servers.core.settings import LOG_VARIABLE

if TYPE_CHECKING:
    from mcp_models.servers.core.completion import Completion, CompletionRequest
    from mcp_models.servers.core.settings import Environment

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}

logger = logging.getLogger("mcp_models")


def start_logging(env: Environment) -> None:
    """Write the log to stderr, from the level in MCP_MODELS_LOG. Any other word is ignored, with a line on stderr."""
    level = env.get(LOG_VARIABLE, "").strip().lower()
    if not level:
        return
    if level not in LEVELS:
        print(f"{LOG_VARIABLE} is ignored: expected {', '.join(LEVELS)}.", file=sys.stderr)
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(LEVELS[level])
    logger.propagate = False


def log_call(provider: str, tool: str, request: CompletionRequest | None = None) -> None:
    """Log at debug that a call has arrived, and how large it is."""
    if logger.isEnabledFor(logging.DEBUG):
        size = ""
        if request is not None:
            characters = len(request.system or "") + sum(len(turn.text) for turn in request.turns)
            size = f", model {request.model}, {len(request.turns)} messages, {characters:,} characters"
        logger.debug(redact(f"{provider}: call of {tool}{size}"))


async def log_try(provider: str, model: str | None, answer: Awaitable[Completion]) -> Completion:
    """Return a provider's answer, and log the request: at debug if it succeeds, at info if it fails.

    Raises:
        CompletionError: The request failed.
    """
    started = time.monotonic()
    try:
        completion = await answer
    except CompletionError as error:
        log_failure(provider, f"model {model} failed after {time.monotonic() - started:.3f} s", error)
        raise
    if logger.isEnabledFor(logging.DEBUG):
        what = f"model {model} answered after {time.monotonic() - started:.3f} s: {completion.stop_reason}"
        tokens = f"{completion.usage.input_tokens} tokens in, {completion.usage.output_tokens} out"
        logger.debug(redact(f"{provider}: {what}, {tokens}, request {completion.request_id}"))
    return completion


def log_failure(provider: str, what: str, error: CompletionError) -> None:
    """Log an error's type and numbers, at info, or at warning if it is a fault of the server itself."""
    level = logging.WARNING if error.type == "internal" else logging.INFO
    if logger.isEnabledFor(level):
        logger.log(level, redact(f"{provider}: {what}: {error.type}, status {error.status}, request {error.request_id}"))


def log_retry(seconds: float, tries: int) -> None:
    """Log at info that a request will be retried."""
    logger.info("try %d comes in %.3f s", tries + 1, seconds)
