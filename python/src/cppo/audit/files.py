"""The files of a dump, whichever format they have."""

from __future__ import annotations

import pathlib
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator

from .arrays import NpzFile, TensorFile, read_arrays
from .json_lines import read_json_lines
from .parquet import read_parquet
from .problems import InputError
from .records import Reading, Record, Response, response_of

SUFFIXES = (".jsonl", ".ndjson", ".npz", ".safetensors", ".parquet")
"""What is read of a folder."""
_FORMATS = "JSON Lines, NPZ, safetensors and Parquet"


def files_of(paths: Iterable[str]) -> list[pathlib.Path]:
    """The files that were named, and those in folders: step_2 before step_10."""
    found: list[pathlib.Path] = []
    for given in paths:
        path = pathlib.Path(given)
        if path.is_dir():
            inside = [p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file()]
            if not inside:
                raise InputError(f"{given}: the folder holds no file that ends with {', '.join(SUFFIXES)}")
            found += sorted(inside, key=_natural)
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{given}: there is no such file or folder")
    return found


def _natural(path: pathlib.Path) -> list[tuple[int, str]]:
    return [(int(x), "") if x.isdigit() else (-1, x) for x in re.split(r"(\d+)", str(path)) if x]


def _kind(path: pathlib.Path) -> str:
    """What the file holds, by its first bytes."""
    with open(path, "rb") as file:
        head = file.read(64)
    if head.startswith(b"PK"):
        return _kind_of_zip(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head[7:8] == b"\0":  # of a length of 8 bytes; no text has it
        return "safetensors"
    if not head.strip() or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return "json"
    if path.suffix in (".pt", ".pth", ".pkl"):
        return "pickle"
    if path.suffix == ".safetensors":
        return "safetensors"
    if path.suffix in (".jsonl", ".ndjson", ".json"):
        return "json"
    raise InputError(f"{path.name}: neither by its first bytes nor by its name one of {_FORMATS}")


def _kind_of_zip(path: pathlib.Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError) as e:
        raise InputError(f"{path.name}: not a whole NPZ file ({e})") from None
    return "pickle" if any(n.endswith("data.pkl") for n in names) else "npz"


def _records(path: pathlib.Path, reading: Reading) -> Iterator[tuple[Record, int]]:
    kind = _kind(path)
    if kind == "pickle":
        raise InputError(f"{path.name}: a file of torch.save can run code when it is read: load it yourself and write "
                         "its tensors with safetensors.torch.save_file")
    if kind == "json":
        return read_json_lines(path)
    if kind == "parquet":
        return read_parquet(path, reading)
    return read_arrays(path, reading, NpzFile if kind == "npz" else TensorFile)


def responses_of(files: Iterable[pathlib.Path], reading: Reading,
                 progress: Callable[[int], None]) -> Iterator[Response]:
    """The responses of all files. `progress` is told the bytes read so far."""
    before = 0
    for path in files:
        _note_unfinished(path, reading)
        try:
            for record, done in _records(path, reading):
                progress(before + done)
                if (response := response_of(record, reading)) is not None:
                    yield response
        except OSError as e:
            raise InputError(f"{path}: the file cannot be read ({e.strerror or e})") from None
        before += path.stat().st_size


def _note_unfinished(path: pathlib.Path, reading: Reading) -> None:
    """prime-rl marks a step that is written whole by an empty file."""
    step = path.parent
    if re.fullmatch(r"step_\d+", step.name) and step.parent.name == "token_exports" and not (step / "STABLE").exists():
        reading.note(f"{step.name} has no file STABLE: prime-rl may still be writing it")
