"""Find out which optional parameter a provider refuses, and why: the parameter, its value, or a combination.

Only a refusal of the parameter itself is remembered for the model. A wrong value is reported to the caller, as the next
call may have a better one. If two parameters exclude each other, one is left out of this call only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import Enum

from mcp_models.servers.core.errors import CompletionError


class Refusal(Enum):
    """What a refusal is about."""

    PARAMETER = "the parameter itself"
    COMBINATION = "the parameter beside another"
    VALUE = "its value, or something inside it"


# The first pattern that matches counts, because messages on combinations and values often say "not supported" as well.
_COMBINATION = r"""(?ix)
    \bcannot\ both | \bboth\b.*\b(?:specified|set|provided) | \bmust\ be\ 1\ when | \bmay\ only\ be\ set\ to\ 1\ when
  | \bwhen\ (?!using\ this\ model|calling\ this) | \bwhile\b | \bunless\b | \bcombin | \bmutually\ exclusive
  | \btogether\ with | \bin\ conjunction | \bincompatible\ with | \bnot\ compatible\ with | \bonly\ set\ one\ of
  | \bonly\ (?:supported|allowed|available|valid|compatible)\ (?:with|when|if|for)\ (?!this)
  | \bin\ thinking\ mode | \bwith\ (?:the\ )?(?:thinking|reasoning|tool|stream)
"""
_VALUE = r"""(?ix)
    supported\ (?:values|levels|efforts) | \binvalid\ (?:schema|json\ ?schema|value|type)\b | \bschema\b | \bkeyword
  | \bmust\ be\ (?:one\ of|>|<|at|between|a\b|an\b) | \b(?:less|greater)\ than | \bat\ (?:most|least)\b | \bmaximum
  | \bminimum | \btoo\ (?:large|long|many|small|high|low|short)\b | \bvalue:?\ ["'`] | \bbudget
  | (?:level|effort|mode)\ ["'`]?(?:none|minimal|low|medium|high|xhigh|max)\b
  | \b(?:enabled|disabled|adaptive|between_tools)\b | \bexpected\b | \bshould\ (?:be|match)\b
"""
_AT_ALL = r"(?i)only the default|only [\d.]+ is allowed for this model|is enabled only for api"
_PARAMETER = r"""(?ix)
    unsupported | not\ (?:be\ )?support | n't\ support | deprecated | not\ permitted | not\ allowed | not\ accept
  | unrecogni[sz]ed | unavailable | unknown\ (?:name|parameter|field|argument) | unexpected\ (?:keyword|parameter|field)
  | not\ (?:available|enabled) | extra\ (?:inputs|fields) | no\ longer
"""


def refused_parameter(
    error: CompletionError, sent: Collection[str], native_names: Mapping[str, str]
) -> tuple[str, Refusal] | None:
    """Return the optional parameter that a provider refuses and why, or None if it names none.

    Args:
        error: The provider's refusal. Its `param` is more reliable than its message, so it is read first.
        sent: The optional parameters in the request, by our names.
        native_names: The provider's names for them, each with our name.
    """
    spellings = {**{name: name for name in sent}, **{native: name for native, name in native_names.items() if name in sent}}
    found = _by_param(error.param, spellings) if error.param else _by_message(error.message, spellings)
    if found is None:
        return None
    name, inside = found
    return name, Refusal.VALUE if inside else _kind(error.message)


def _kind(said: str) -> Refusal:
    if re.search(_AT_ALL, said):
        return Refusal.PARAMETER
    if re.search(_COMBINATION, said):
        return Refusal.COMBINATION
    if re.search(_VALUE, said):
        return Refusal.VALUE
    return Refusal.PARAMETER if re.search(_PARAMETER, said) else Refusal.VALUE


def _by_param(param: str, spellings: Mapping[str, str]) -> tuple[str, bool] | None:
    """Return the parameter that a path names, and whether the path continues inside its value."""
    for native in sorted(spellings, key=len, reverse=True):
        if param == native or param.startswith((f"{native}.", f"{native}[")):
            return spellings[native], param != native
    return None


def _by_message(said: str, spellings: Mapping[str, str]) -> tuple[str, bool] | None:
    """Return the parameter that a message names first, and whether the name continues inside its value."""
    names = "|".join(re.escape(native) for native in sorted(spellings, key=len, reverse=True))
    found = re.search(rf"(?<![\w.])({names})(?!\w)([.\[]\w)?", said) if names else None
    return (spellings[found[1]], found[2] is not None) if found else None
