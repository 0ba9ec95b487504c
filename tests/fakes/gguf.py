"""Write a model for the tests: a tiny llama with random weights, which says real words but makes no sense."""

from __future__ import annotations

import math
import string
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf import GGUFWriter, LlamaFileType, TokenType

HEADS = 4
_SEED = 20261122
_RANDOM_VALUES = 1 << 20  # a larger tensor repeats them, so that gigabytes are made quickly
_SPACE = "\u2581"  # stands for a space in the tokenizer
_WORDS = """
    the of and a to in is you that it he was for on are as with his they at be this have from or one had by word but not
    what all were we when your can said there use an each which she do how their if will up other about out many then them
    these so some her would make like him into time has look two more write go see number no way could people my than first
    water been call who oil its now find long down day did get come made may part world house light
"""
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

Weights = npt.NDArray[np.float32]


def write_model(path: Path, *, name: str = "tiny", embedding: int = 64, blocks: int = 2, context: int = 2048) -> Path:
    """Write a model. The same arguments always give the same file.

    Args:
        path: The file to write.
        name: The model's name.
        embedding: The width, a multiple of 8. With 4096, each block takes 0.6 GB.
        blocks: The number of layers.
        context: The number of tokens that the model claims to be trained for.
    """
    writer = GGUFWriter(path, "llama")
    _add_header(writer, name, embedding, blocks, context)
    vocabulary = _vocabulary()
    _add_tokenizer(writer, vocabulary)
    shapes = dict(_shapes(embedding, blocks, len(vocabulary)))
    for tensor, shape in shapes.items():
        writer.add_tensor_info(tensor, shape, np.dtype(np.float32), 4 * math.prod(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    generator = np.random.default_rng(_SEED)
    for tensor, shape in shapes.items():
        writer.write_tensor_data(_weights(generator, tensor, shape, vocabulary))
    writer.close()
    return path


def _add_header(writer: GGUFWriter, name: str, embedding: int, blocks: int, context: int) -> None:
    writer.add_name(name)
    writer.add_context_length(context)
    writer.add_embedding_length(embedding)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(2 * embedding)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(embedding // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(LlamaFileType.ALL_F32)


def _add_tokenizer(writer: GGUFWriter, vocabulary: list[tuple[str, float, TokenType]]) -> None:
    tokens, scores, types = zip(*vocabulary, strict=True)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(_TEMPLATE)


def _vocabulary() -> list[tuple[str, float, TokenType]]:
    """Return each token with its score and its type. Words are preferred to letters, and letters to bytes."""
    special = [("<unk>", 0.0, TokenType.UNKNOWN), ("<s>", 0.0, TokenType.CONTROL), ("</s>", 0.0, TokenType.CONTROL)]
    octets = [(f"<0x{octet:02X}>", 0.0, TokenType.BYTE) for octet in range(256)]
    turns = [(token, 0.0, TokenType.CONTROL) for token in ("<|im_start|>", "<|im_end|>")]
    words = [(_SPACE + word, -1.0 - rank, TokenType.NORMAL) for rank, word in enumerate(_WORDS.split())]
    signs = [_SPACE, *string.ascii_letters, *string.digits, *string.punctuation]
    return [*special, *octets, *turns, *words, *((sign, -200.0 - rank, TokenType.NORMAL) for rank, sign in enumerate(signs))]


def _shapes(embedding: int, blocks: int, tokens: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    square, wide, tall = (embedding, embedding), (2 * embedding, embedding), (embedding, 2 * embedding)
    yield "token_embd.weight", (tokens, embedding)
    for block in range(blocks):
        yield f"blk.{block}.attn_norm.weight", (embedding,)
        for part in ("q", "k", "v", "output"):
            yield f"blk.{block}.attn_{part}.weight", square
        yield f"blk.{block}.ffn_norm.weight", (embedding,)
        yield f"blk.{block}.ffn_gate.weight", wide
        yield f"blk.{block}.ffn_up.weight", wide
        yield f"blk.{block}.ffn_down.weight", tall
    yield "output_norm.weight", (embedding,)
    yield "output.weight", (tokens, embedding)


def _weights(
    generator: np.random.Generator, tensor: str, shape: tuple[int, ...], vocabulary: list[tuple[str, float, TokenType]]
) -> Weights:
    if len(shape) == 1:
        return np.ones(shape, np.float32)
    values = generator.standard_normal(min(math.prod(shape), _RANDOM_VALUES), np.float32)
    weights: Weights = np.resize(values * np.float32(0.1), shape)
    if tensor == "output.weight":  # makes the answer consist of words, without control tokens or bytes
        weights *= np.array([[_loudness(token, kind)] for token, _, kind in vocabulary], np.float32)
    return weights


def _loudness(token: str, kind: TokenType) -> float:
    """Return the spread of a token's logits around 0."""
    if kind != TokenType.NORMAL:
        return 0.0
    return 4.0 if len(token) > 1 else 0.1
