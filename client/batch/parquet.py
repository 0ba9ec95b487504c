"""Import pyarrow, which is needed for a Parquet file only, and read the rows of one a part at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mcp_models.client.batch.errors import InputError
from mcp_models.servers.core.provider import missing_package

SUFFIX = ".parquet"
EXTRA = "batch"

PART_BYTES, PART_ROWS = 4 * 1024 * 1024, 1000
"""About how many bytes, and at most how many rows, are unpacked at once."""

_READ_BYTES = 1024 * 1024


def is_parquet(path: str) -> bool:
    """Return whether a path names a Parquet file."""
    return path.lower().endswith(SUFFIX)


def pyarrow() -> Any:
    """Return pyarrow with `pyarrow.parquet`. Its import takes 0.7 s.

    Raises:
        InputError: It is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise InputError(missing_package("pyarrow", EXTRA)) from None
    return pyarrow


def read_parquet(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row with its number, from 1. However large the file or its row groups, only a part is in memory.

    Raises:
        InputError: The file cannot be read, or pyarrow is not installed.
    """
    library, number = pyarrow(), 0
    try:
        with _opened(library, path) as file:
            _check_names(path, file.schema_arrow.names)
            for part in file.iter_batches(batch_size=_part_rows(file.metadata)):
                for row in _in_microseconds(library, part).to_pylist():
                    number += 1
                    yield number, row
    except OSError as error:
        if error.errno is not None:  # of the system; pyarrow has none for what is broken in the file
            raise
        raise InputError(f"{path} cannot be read as Parquet: {' '.join(str(error).split())}") from None
    except (library.ArrowException, ValueError, OverflowError) as error:
        raise InputError(f"{path}: row {number + 1} cannot be read as Parquet: {' '.join(str(error).split())}") from None


def _check_names(path: str, names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{path}: there are several columns {twice[0]!r}: rename them, as a row keeps only one of them")


def count_parquet(path: str) -> int:
    """Return how many rows a file has, as it says itself.

    Raises:
        InputError: As in `read_parquet`.
    """
    library = pyarrow()
    try:
        with _opened(library, path) as file:
            return int(file.metadata.num_rows)
    except (library.ArrowException, ValueError, OSError) as error:
        raise InputError(f"{path}: {error}") from None


def _opened(library: Any, path: str) -> Any:
    # Without a buffer, or with `pre_buffer`, whole columns of a row group would be read at once.
    return library.parquet.ParquetFile(path, buffer_size=_READ_BYTES, pre_buffer=False)


def _part_rows(metadata: Any) -> int:
    size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    rows: int = PART_BYTES * metadata.num_rows // max(1, size)
    return max(1, min(PART_ROWS, rows))


def _in_microseconds(library: Any, part: Any) -> Any:
    """Return a part without nanoseconds, which Python's own times do not have."""
    fields = []
    for field in part.schema:
        kind = field.type
        if library.types.is_timestamp(kind) and kind.unit == "ns":
            field = field.with_type(library.timestamp("us", kind.tz))
        elif library.types.is_duration(kind) and kind.unit == "ns":
            field = field.with_type(library.duration("us"))
        elif library.types.is_time64(kind):
            field = field.with_type(library.time64("us"))
        fields.append(field)
    wanted = library.schema(fields)
    return part if wanted == part.schema else library.Table.from_batches([part]).cast(wanted, safe=False)
