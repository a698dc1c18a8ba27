"""Parquet, where pyarrow is installed: one response a row, lists as columns. One row group at a time is in memory."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from .problems import InputError
from .records import Reading, Record

_ROWS = 64


def read_parquet(path: pathlib.Path, reading: Reading) -> Iterator[tuple[Record, int]]:
    """The rows of a file as records, each with the bytes read so far."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(f"{path.name}: reading Parquet needs pyarrow: pip install pyarrow") from None
    size = path.stat().st_size
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            reading.choose_format(path.name, file.schema_arrow.names)
            columns = _columns(reading, file.schema_arrow.names)
            row, rows = 0, max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
                for i in range(batch.num_rows):
                    fields = {name: _value(batch.column(name)[i]) for name in batch.schema.names}
                    yield Record(f"{path.name}, row {row}", fields), int((row + 1) / rows * size)
                    row += 1
    except (pyarrow.ArrowException, OSError) as e:
        raise InputError(f"{path.name}: not a whole Parquet file ({e})") from None


def _columns(reading: Reading, names: list[str]) -> list[str]:
    """The columns that are read: no other is unpacked."""
    assert reading.format is not None
    inputs = (*reading.format.fields, "tokens", "losses", "input_lengths", "sample_loss_mask")
    wanted = {reading.field_of(n, names) if n in reading.format.fields else n for n in inputs}
    return [n for n in names if n in wanted]


def _value(scalar: Any) -> Any:
    """A list of numbers as an array, null as NaN; what else there is as Python has it."""
    values = getattr(scalar, "values", None)
    if values is None or not scalar.is_valid:
        return scalar.as_py()
    try:
        x = values.to_numpy(zero_copy_only=False)
    except NotImplementedError:
        return scalar.as_py()
    return x if isinstance(x, np.ndarray) and x.dtype.kind in "fiub" else scalar.as_py()
