"""NPZ and safetensors: arrays [B, T], or packed [N] with cu_seqlens, read a block of rows at a time.

No array is ever whole in memory but cu_seqlens, 8 bytes a response.
"""

from __future__ import annotations

import abc
import contextlib
import json
import math
import pathlib
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any, NoReturn, Optional

import numpy as np

from .problems import InputError
from .records import FORMATS, Array, Reading, Record

_BLOCK = 1 << 16
"""Numbers of an array that are read at once, as far as whole rows are."""


class Rows(abc.ABC):
    """An array in a file, read from its first row to its last."""

    def __init__(self, place: str, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.place, self.name, self.dtype, self.shape = place, name, dtype, shape
        self.row = dtype.itemsize * math.prod(shape[1:])

    def take(self, rows: int) -> Array:
        """The next rows."""
        data = self.read(rows * self.row)
        if len(data) != rows * self.row:
            self.fail(f"ends before its last number; its shape says {list(self.shape)}: the file is cut off")
        return np.frombuffer(data, self.dtype).reshape(rows, *self.shape[1:])

    def fail(self, what: str) -> NoReturn:
        """Raises `InputError` with file and array."""
        raise InputError(f'{self.place}: "{self.name}" {what}')

    @abc.abstractmethod
    def read(self, size: int) -> bytes:
        """The next bytes."""


class NpyRows(Rows):
    """A member of an NPZ file, stored or deflated."""

    def __init__(self, place: str, name: str, file: IO[bytes]) -> None:
        self.place, self.name, self.file = place, name, file
        version: tuple[int, int] = (0, 0)
        try:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, by_columns, dtype = read(file)
        except KeyError:
            self.fail(f"has version {version} of the NPY format: save it with numpy.savez")
        except (ValueError, zipfile.BadZipFile, EOFError, zlib.error) as e:
            self.fail(f"is no array ({e}): save it with numpy.savez")
        if dtype.hasobject:
            self.fail("holds Python objects: save it with a number type")
        if by_columns and len(shape) > 1:
            self.fail("is stored by columns, so that it cannot be read row by row: save numpy.ascontiguousarray of it")
        super().__init__(place, name, dtype, shape)

    def read(self, size: int) -> bytes:
        try:
            return self.file.read(size)
        except (zipfile.BadZipFile, EOFError, zlib.error) as e:
            self.fail(f"cannot be unpacked ({e}): write the file anew")
            raise


class TensorRows(Rows):
    """A tensor of a safetensors file."""

    def __init__(self, place: str, name: str, file: IO[bytes], begin: int, dtype: str, shape: tuple[int, ...]) -> None:
        self.half = dtype == "BF16"
        super().__init__(place, name, np.dtype(_TENSORS[dtype]), shape)
        self.file, self.at = file, begin

    def read(self, size: int) -> bytes:
        self.file.seek(self.at)
        self.at += size
        return self.file.read(size)

    def take(self, rows: int) -> Array:
        x = super().take(rows)
        return (x.astype(np.uint32) << 16).view(np.float32) if self.half else x  # NumPy has no bfloat16


_TENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
            "I8": "<i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "?"}


class NpzFile:
    """The arrays of an NPZ file by name."""

    def __init__(self, path: pathlib.Path) -> None:
        self.place = path.name
        try:
            self.archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError) as e:
            raise InputError(f"{self.place}: not a whole NPZ file ({e})") from None
        self.names = [n[:-4] for n in self.archive.namelist() if n.endswith(".npy")]
        self.members = contextlib.ExitStack()

    def open(self, name: str) -> Rows:
        """The array's rows."""
        try:
            member = self.members.enter_context(self.archive.open(name + ".npy"))
            return NpyRows(self.place, name, member)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as e:
            raise InputError(f'{self.place}: "{name}" cannot be unpacked ({e}): save it with numpy.savez') from None

    def close(self) -> None:
        """Closes the file."""
        self.members.close()
        self.archive.close()


class TensorFile:
    """The tensors of a safetensors file by name."""

    def __init__(self, path: pathlib.Path) -> None:
        self.place = path.name
        self.size = path.stat().st_size
        self.file = open(path, "rb")
        try:
            self.begin, self.header = self._header()
        except (struct.error, UnicodeDecodeError, ValueError, RecursionError) as e:
            self.file.close()
            reason = str(e) if isinstance(e, InputError) else f"{self.place}: not a safetensors file: its header is {e}"
            raise InputError(reason) from None
        self.names = [n for n in self.header if n != "__metadata__"]

    def _header(self) -> tuple[int, dict[str, Any]]:
        (length,) = struct.unpack("<Q", self.file.read(8))
        if length > self.size - 8:
            raise InputError(f"{self.place}: not a whole safetensors file: its header would be {length} bytes, and the "
                             f"file has {self.size}")
        header = json.loads(self.file.read(length).decode())
        if not isinstance(header, dict):
            raise InputError(f"{self.place}: the header must be a JSON object")
        return 8 + length, header

    def open(self, name: str) -> Rows:
        """The tensor's rows."""
        def fail(what: str) -> NoReturn:
            raise InputError(f'{self.place}: "{name}" {what}')
        about: Any = self.header[name] if isinstance(self.header[name], dict) else {}
        shape, dtype, offsets = (about.get(key) for key in ("shape", "dtype", "data_offsets"))
        if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
            fail("lacks a shape or data_offsets that are whole numbers: the header is damaged")
        if dtype not in _TENSORS:
            fail(f"has dtype {dtype}, but must have one of {', '.join(_TENSORS)}: convert it")
        begin, end = offsets
        size = np.dtype(_TENSORS[dtype]).itemsize * math.prod(shape)
        if not begin <= end <= self.size - self.begin or end - begin != size:
            fail(f"of shape {shape} has {size} bytes, but its data_offsets are {begin} and {end} of "
                 f"{self.size - self.begin}: the file is cut off or damaged")
        return TensorRows(self.place, name, self.file, self.begin + begin, dtype, tuple(shape))

    def close(self) -> None:
        """Closes the file."""
        self.file.close()


def _are_counts(x: Any) -> bool:
    return isinstance(x, list) and all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in x)


def read_arrays(path: pathlib.Path, reading: Reading, container: type[Any]) -> Iterator[tuple[Record, int]]:
    """The rows of the arrays as records, each with the bytes read so far."""
    size = path.stat().st_size
    with contextlib.closing(container(path)) as file:
        reading.choose_format(path.name, file.names)
        fields = {f for name in _wanted(reading) if (f := reading.field_of(name, file.names)) in file.names}
        streams = {f: file.open(f) for f in sorted(fields)}
        main = streams[reading.field_of("rollout_log_prob", file.names)]
        lengths = _lengths(file) if "cu_seqlens" in file.names else None
        of_rows = _padded(streams, main) if lengths is None else _packed(streams, main, lengths)
        for i, (record, share) in enumerate(of_rows):
            yield Record(f"{path.name}, response {i}", record), int(share * size)


def _wanted(reading: Reading) -> list[str]:
    names = ["log_prob", "rollout_log_prob", "advantage", "response_mask", "token_id", *reading.needs]
    assert reading.format in FORMATS
    return list(dict.fromkeys(names))


def _lengths(file: Any) -> Array:
    """The length of each packed response."""
    rows = file.open("cu_seqlens")
    if len(rows.shape) != 1 or rows.dtype.kind not in "iu" or rows.shape[0] < 1:
        rows.fail(f"must be whole numbers [B + 1], but has dtype {rows.dtype} and shape {list(rows.shape)}")
    offsets = rows.take(rows.shape[0]).astype(np.int64)
    if offsets[0] != 0 or (np.diff(offsets) < 0).any():
        rows.fail("must begin with 0 and never fall")
    return np.diff(offsets)


def _padded(streams: Mapping[str, Rows], main: Rows) -> Iterator[tuple[dict[str, Any], float]]:
    """Rows [B, T]; [T] is one response."""
    single = len(main.shape) == 1
    count, width = (1, main.shape[0]) if single else main.shape[:2] if len(main.shape) == 2 else (-1, -1)
    if count < 0 or (count > 0 and width == 0):
        main.fail(f"must have shape [B, T] with T above 0, or [N] beside cu_seqlens, but has {list(main.shape)}")
    for rows in streams.values():
        if not single and (not rows.shape or rows.shape[0] != count):
            rows.fail(f'has shape {list(rows.shape)}, but "{main.name}" has {list(main.shape)}')
    at_once = 1 if single else max(1, _BLOCK // max(width, 1))
    for first in range(0, count, at_once):
        n = min(at_once, count - first)
        block = {name: _whole(rows) if single else rows.take(n) for name, rows in streams.items()}
        for i in range(n):
            yield {name: x if single else x[i] for name, x in block.items()}, (first + i + 1) / count


def _whole(rows: Rows) -> Array:
    return rows.take(rows.shape[0]) if rows.shape else rows.take(1).reshape(())


def _packed(streams: Mapping[str, Rows], main: Rows, lengths: Array) -> Iterator[tuple[dict[str, Any], float]]:
    """Slots [N] of responses one after the other; [B] is one number a response."""
    slots, count = int(lengths.sum()), len(lengths)
    per_response: dict[str, Optional[bool]] = {}
    for name, rows in streams.items():
        n = rows.shape[0] if rows.shape else -1
        if n not in (slots, count) or (rows is main and n != slots):
            rows.fail(f"has shape {list(rows.shape)}, but cu_seqlens covers {slots} slots of {count} responses")
        per_response[name] = n != slots
    done = 0
    for length in map(int, lengths):
        done += length
        yield {name: rows.take(1).reshape(-1)[0] if per_response[name] else rows.take(length)
               for name, rows in streams.items()}, done / max(slots, 1)
