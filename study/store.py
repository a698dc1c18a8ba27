"""Results of runs: a file of JSON lines that only grows, and a compressed copy in the repository."""

import contextlib
import fcntl
import gzip
import io
import json
import os
from pathlib import Path


def key_of(line):
    """What was asked, as text: the same run has the same key."""
    return json.dumps(line["asked"], sort_keys=True)


def same_but_time(a, b):
    return {k: v for k, v in a.items() if k != "seconds"} == {k: v for k, v in b.items() if k != "seconds"}


class Results(dict):
    """{key: result}; the first of two lines of one run counts. `differing`: keys of runs that came out in two ways."""

    def __init__(self):
        super().__init__()
        self.duplicates, self.differing = 0, []

    def add(self, line):
        key = key_of(line)
        if key not in self:
            self[key] = line
            return
        self.duplicates += 1
        if not same_but_time(self[key], line):
            self.differing.append(key)


def read(*paths):
    """What those of the files hold that exist; .gz is decompressed. A last line cut short is left out."""
    found = Results()
    for path in map(Path, paths):
        if not path.exists():
            continue
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        whole = data[:data.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                found.add(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise ValueError(f"{path}:{number}: not a result of a run; delete the line to make the run again")
    return found


def cut_torn_line(path):
    """Cuts off what stands after the last end of a line: a run whose writing was interrupted. True if there was any."""
    data = path.read_bytes() if path.exists() else b""
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with open(path, "r+b") as file:
            file.truncate(whole)
    return whole < len(data)


@contextlib.contextmanager
def opened(path):
    """Gives a function that appends a line, and keeps other programs out; BlockingIOError if one is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        cut_torn_line(path)

        def append(line):
            file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        yield append


def packed(results):
    """The compressed copy, its lines in the order of their keys: the same bytes for the same results."""
    out = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=9, mtime=0) as file:
        for key in sorted(results):
            file.write(json.dumps(results[key], separators=(",", ":")).encode() + b"\n")
    return out.getvalue()
