"""Estimate what a call may cost at most, before it is made."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from mcp_models.servers.core import pricing
from mcp_models.servers.core.completion import CompletionRequest, ImagePart, Usage
from mcp_models.servers.core.ledger.row import NANO

if TYPE_CHECKING:
    from mcp_models.servers.core.provider import Provider

TOKENS_PER_MESSAGE = 16
"""What a provider may add around a message."""

TOKENS_FOR_INSTRUCTIONS = 1000
"""What a provider may add to ask for a schema. Claude's instructions take 286 to 804 tokens."""

TOKENS_PER_IMAGE = 10_000
"""The most that an image takes at any of the providers: OpenAI's `original` detail."""


def most_tokens(request: CompletionRequest) -> int:
    """Return a number of input tokens that the request cannot exceed.

    No tokenizer makes more tokens of a text than it has bytes in UTF-8, as each of them ends in bytes. Characters are no such
    bound: an emoji may take four tokens.
    """
    turns = request.turns
    images = sum(isinstance(part, ImagePart) for turn in turns if isinstance(turn.content, list) for part in turn.content)
    tokens = len(msgspec.json.encode(request)) + TOKENS_PER_MESSAGE * (len(turns) + 1) + TOKENS_PER_IMAGE * images
    return tokens + (TOKENS_FOR_INSTRUCTIONS if request.response_schema is not None else 0)


def highest_cost(provider: Provider, request: CompletionRequest) -> int | None:
    """Return what a call may cost at most in billionths of a dollar, or None if the model's price is not known.

    Args:
        provider: The provider, whose price list must be loaded.
        request: The request. Its `model` must be set.
    """
    model, tokens = (request.model or "").removeprefix("models/"), most_tokens(request)
    cost = pricing.highest_cost_usd(provider, model, Usage(input_tokens=tokens, output_tokens=request.limit))
    return None if cost is None else math.ceil(cost * NANO)
