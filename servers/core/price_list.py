"""Hold the list of prices: that of the package genai-prices, or a newer one from the file that MCP_MODELS_PRICES names.

Nothing is ever downloaded. The file has the format of genai-prices itself: `data.json` of https://github.com/pydantic/genai-prices,
in `prices/new_data/v2/`.
"""

from __future__ import annotations

import functools
import os
import warnings
from typing import TYPE_CHECKING, Any

from mcp_models.servers.core.errors import ConfigurationError

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo

PRICES_VARIABLE = "MCP_MODELS_PRICES"
"""A file with a newer price list."""

LARGEST_FILE = 64 * 1024 * 1024
"""The most bytes that a price list may have. That of November 2026 has 1.6 million."""


class BadListError(ConfigurationError):
    """A file is not a price list. The message says what is wrong with it."""


def prices() -> DataSnapshot:
    """Return the price list that counts. A bad file is passed over: `problem` says why.

    Raises:
        ImportError: The package genai-prices is not installed.
    """
    return _found()[0]


def source() -> str:
    """Return where the prices come from, such as `genai-prices 0.2.3` or `file prices.json`.

    Raises:
        ImportError: The package genai-prices is not installed.
    """
    return _found()[1]


def problem() -> str | None:
    """Return what is wrong with the file that MCP_MODELS_PRICES names, or None."""
    return _found()[2]


@functools.cache
def _found() -> tuple[DataSnapshot, str, str | None]:
    """Return the price list, its source, and the problem with the file. The file is read once in a process."""
    path = os.environ.get(PRICES_VARIABLE, "").strip()
    if not path:
        return bundled(), package_source(), None
    try:
        return from_file(path), f"file {os.path.basename(path)}", None
    except BadListError as error:
        return bundled(), package_source(), f"{PRICES_VARIABLE} is ignored: {error.message}"


def bundled() -> DataSnapshot:
    """Return the price list within the package.

    Raises:
        ImportError: The package genai-prices is not installed.
    """
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot()


def package_source() -> str:
    """Return the package's name and version."""
    import genai_prices

    return f"genai-prices {genai_prices.__version__}"


def from_file(path: str) -> DataSnapshot:
    """Read a price list from a file and check all of it.

    Args:
        path: The file.

    Raises:
        BadListError: The file cannot be read, or is not such a list.
        ImportError: The package genai-prices is not installed.
    """
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import _providers_from_raw

    rows = _rows(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it may have units that the installed package does not know
            snapshot = DataSnapshot(_providers_from_raw(rows), from_auto_update=False)
    except (ValueError, TypeError, AssertionError) as error:  # pydantic's error is a ValueError
        raise BadListError(f"{path} is no price list of genai-prices: {_first_line(error)}") from error
    for provider in snapshot.providers:
        for model in provider.models:
            _check(path, f"{provider.id}/{model.id}", model)
    return snapshot


def listed_model(provider: str | None, model: str) -> ModelInfo | None:
    """Return a model's entry in the price list that counts, or None if it has none.

    Args:
        provider: The provider's name in the list.
        model: The model's name.
    """
    try:
        found: ModelInfo = prices().find_provider_model(model, None, provider, None)[1]
    except (ImportError, LookupError):
        return None
    return found


def _rows(path: str) -> list[Any]:
    import json

    try:
        with open(path, "rb") as file:
            text = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadListError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(text) > LARGEST_FILE:
        raise BadListError(f"{path} has more than {LARGEST_FILE:,} bytes, so it is no price list.")
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadListError(f"{path} is not JSON: {_first_line(error)}") from error
    if not isinstance(rows, list) or not rows:
        raise BadListError(f"{path} is no price list of genai-prices: expected an array of providers.")
    return rows


def _check(path: str, name: str, model: Any) -> None:
    """Calculate with each price of a model, as the package finds a negative or an infinite one only then."""
    from genai_prices import Usage

    some = Usage(input_tokens=1, output_tokens=1)
    conditional = model.prices if isinstance(model.prices, list) else [model]
    for each in [*conditional, *(model.price_variants or ())]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                each.prices.calc_price(some)
        except ValueError as error:
            if "Missing" not in str(error):  # a variant alone may lack the prices that it does not change
                raise BadListError(f"{path}: the price of {name} makes no sense: {_first_line(error)}") from error
    if isinstance(model.prices, list) and not model.prices:
        raise BadListError(f"{path}: {name} has no price.")


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] + ("" if str(error).endswith(".") else ".")
