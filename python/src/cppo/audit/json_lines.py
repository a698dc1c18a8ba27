"""JSON Lines: one response a line. One line at a time is in memory."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

from .problems import InputError
from .records import Record


def read_json_lines(path: pathlib.Path) -> Iterator[tuple[Record, int]]:
    """The records of a file, each with the bytes read so far."""
    done = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            done += len(line)
            if line.strip():
                yield _record(f"{path.name}, line {number}", line), done


def _record(place: str, line: bytes) -> Record:
    try:
        fields = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as e:
        raise InputError(f"{place}: byte {e.start + 1} is no UTF-8: write the file as UTF-8") from None
    except json.JSONDecodeError as e:
        raise InputError(f"{place}: not valid JSON: {e.msg} in column {e.colno}; each line must be one JSON object, "
                         "whole") from None
    except (RecursionError, ValueError):  # ValueError: a number of more digits than Python reads
        raise InputError(f"{place}: lists lie too deep, or a number has too many digits, for a dump") from None
    if not isinstance(fields, dict):
        raise InputError(f"{place}: each line must be a JSON object")
    return Record(place, fields)
