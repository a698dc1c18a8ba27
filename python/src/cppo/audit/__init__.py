"""What trust regions would do with recorded rollouts: `python -m cppo.audit DUMP --region TEXT`.

>>> from cppo.audit import audit
>>> result = audit(["train_data_step3.jsonl"], ["dppo(delta = 0.1)", "fixed_cppo"], sweeps=["delta=0.05:0.3:6"])
>>> print(result.as_text())
>>> result.data["regions"][0]["figures"]["masked"]

It reads prime-rl's and NeMo-RL's token dumps, the project's own JSON Lines, NPZ, safetensors and Parquet, in chunks of
responses: memory does not grow with the dump.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional, Union

from .chunks import SLOTS, chunks_of
from .conditions import Condition
from .files import files_of, responses_of
from .labels import Regions, labelled
from .problems import InputError
from .records import FORMATS, OPTIONAL, Reading
from .result import SCHEMA, Result
from .sweep import Sweep, check_sweep, parse_sweep
from .tally import RANKINGS, RegionTally, Tally, Worst

__all__ = ["Condition", "InputError", "Result", "SCHEMA", "audit"]

INPUTS = tuple(dict.fromkeys([*FORMATS[0].fields, *OPTIONAL]))
"""What `names` may name."""


def audit(files: Union[str, os.PathLike[str], Sequence[Union[str, os.PathLike[str]]]], regions: Regions = (), *,
          sweeps: Sequence[Union[str, Sweep]] = (), worst: int = 3, rank_by: str = "masked",
          updates: Optional[int] = None, names: Optional[Mapping[str, str]] = None, bad_input: str = "leave_out",
          log_prob_tolerance: Optional[float] = None,
          tokenizer: Optional[Union[str, os.PathLike[str]]] = None, slots: int = SLOTS,
          progress: Callable[[int], None] = lambda done: None) -> Result:
    """Audits a dump.

    Args:
        files: files and folders.
        regions: texts or regions; "LABEL=TEXT", or a dictionary, gives labels. PPO, DPPO and CPPO where it is empty.
        sweeps: as "delta=0.01:0.3:8".
        worst: how many responses are shown token by token.
        rank_by: what these have most of: "masked", "share" or "drift".
        updates: which version of log_prob, where a record has several.
        names: fields by the names of the inputs, where a dump has names of its own.
        bad_input: what NaN and the like do: "leave_out" counts their responses, "exclude" leaves out the token,
            "reject" raises.
        log_prob_tolerance: log-probs up to this much above 0 are accepted.
        tokenizer: a tokenizer.json, for the text of the worst responses; needs the package tokenizers.
        slots: of a chunk. Means and shares do not depend on it; `diagnose` looks at a chunk at a time.
        progress: is told the bytes read so far.

    Raises:
        InputError: with file, record and field, and the remedy.
    """
    paths = [files] if isinstance(files, (str, os.PathLike)) else files
    given = labelled(regions)
    read = [s if isinstance(s, Sweep) else parse_sweep(s) for s in sweeps]
    for s in read:
        check_sweep(s, given)
    found = files_of([os.fspath(p) for p in paths])
    text_of = None if tokenizer is None else _text_of(os.fspath(tokenizer))
    needs = tuple(n for n in OPTIONAL if any(n in r.region.reads for r in given))
    reading = Reading(needs, _checked(names or {}), updates)
    options: dict[str, Any] = {"bad_input": bad_input, "log_prob_tolerance": log_prob_tolerance}
    tally = Tally([RegionTally(r) for r in given], read, Worst(worst), rank_by, options)
    for chunk in chunks_of(responses_of(found, reading, progress), slots):
        tally.add(chunk)
    if not tally.records:
        raise InputError(f"{', '.join(map(str, found))}: no record holds a token of a response")
    return Result(tally, reading, [str(p) for p in found], text_of)


def _text_of(path: str) -> Callable[[int], str]:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise InputError("--tokenizer needs the package tokenizers: pip install tokenizers") from None
    try:
        made = Tokenizer.from_file(path)
    except Exception as e:  # noqa: BLE001: it raises nothing narrower
        raise InputError(f"{path}: not a tokenizer.json ({e})") from None
    return lambda token: str(made.decode([token], skip_special_tokens=False)) if token >= 0 else ""


def _checked(names: Mapping[str, str]) -> Mapping[str, str]:
    for name in names:
        if name not in INPUTS:
            raise InputError(f"--field {name}=...: there is no input {name}: there are {', '.join(INPUTS)}")
    return names
