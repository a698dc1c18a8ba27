"""One response as it stands in a file: which fields a trainer writes, and how they become arrays."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, NoReturn, Optional

import numpy as np
import numpy.typing as npt

from .problems import InputError

Array = npt.NDArray[Any]


class Format(NamedTuple):
    """What a trainer calls the inputs. Of several names the first that is there is read."""

    name: str
    fields: Mapping[str, tuple[str, ...]]
    holds_prompt: bool
    """True if a record holds the prompt too, so that it needs a response mask."""
    note: str = ""


_LISTS = {name: (name,) for name in ("top_k_ids", "top_k_log_probs", "top_k_rollout_log_probs")}
FORMATS = (
    Format("cppo", {"log_prob": ("log_prob",), "rollout_log_prob": ("rollout_log_prob",), "advantage": ("advantage",),
                    "response_mask": ("response_mask",), "divergence_values": ("divergence_values", "divergence"),
                    "token_id": ("token_id", "response_ids"), **_LISTS}, False),
    Format("prime-rl", {"log_prob": ("trainer_logprobs",), "rollout_log_prob": ("inference_logprobs",),
                        "advantage": ("advantages",), "response_mask": ("loss_mask",), "token_id": ("token_ids",),
                        "divergence_values": ("divergence_values",), **_LISTS}, True),
    Format("NeMo-RL", {"log_prob": ("prev_logprobs",), "rollout_log_prob": ("generation_logprobs",),
                       "advantage": ("advantages",), "response_mask": ("token_loss_mask",), "token_id": ("token_ids",),
                       "divergence_values": ("divergence_values",), **_LISTS}, True,
           "prev_logprobs are those of the trainer before the step's updates: what the updates add is not in the dump"),
)
REQUIRED = ("log_prob", "rollout_log_prob")
OPTIONAL = ("divergence_values", "token_id", *_LISTS)
"""Inputs that a region may read."""


class Response(NamedTuple):
    """One response: the slots from its first token to its last."""

    place: str
    first_slot: int
    """The slot of the record at which it begins."""
    inputs: dict[str, Array]
    """By the names of `policy_loss`, of shape [T], and [T, K] for Top-K lists; "advantage" may be missing."""
    mask: npt.NDArray[np.bool_]
    tokens: Optional[list[str]]
    """The text of each slot."""


@dataclasses.dataclass
class Reading:
    """What is to be read, and what was found on the way."""

    needs: tuple[str, ...] = ()
    """Inputs beside log-probs, advantage and mask."""
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The user's own names of fields, by input."""
    updates: Optional[int] = None
    """After how many updates, where log_prob has several versions."""
    format: Optional[Format] = None
    has_advantage: Optional[bool] = None
    notes: dict[str, int] = dataclasses.field(default_factory=dict)
    """What is worth saying, and of how many records."""

    def note(self, sentence: str) -> None:
        """Notes what holds of a record."""
        self.notes[sentence] = self.notes.get(sentence, 0) + 1

    def field_of(self, name: str, present: Iterable[str]) -> str:
        """The field that holds an input; the first name of the format where none is there."""
        assert self.format is not None
        own = self.names.get(name)
        candidates = (own,) if own else self.format.fields[name]
        return next((c for c in candidates if c in present), candidates[0])

    def choose_format(self, place: str, present: Iterable[str]) -> Format:
        """The format of which the log-probs are there. It is that of the first record."""
        if self.format is None:
            fields = list(present)
            for f in FORMATS:
                names = {r: (self.names[r],) if r in self.names else f.fields[r] for r in REQUIRED}
                if all(any(n in fields for n in names[r]) for r in REQUIRED):
                    self.format = f
                    break
            else:
                raise InputError(f"{place}: {_no_format(fields)}")
            if self.format.note:
                self.note(self.format.note)
        return self.format


def _no_format(fields: list[str]) -> str:
    pairs = ", or ".join(f'"{f.fields["log_prob"][0]}" and "{f.fields["rollout_log_prob"][0]}" ({f.name})'
                         for f in FORMATS)
    return (f"log-probs of both policies are needed, as {pairs}; the fields here are {', '.join(fields) or 'none'}. "
            "Other names: --field log_prob=NAME --field rollout_log_prob=NAME. A dump of texts alone, as verl and TRL "
            "write it, cannot be audited")


class Record:
    """The fields of one response. Every member raises `InputError` where a field is not what it asks for."""

    def __init__(self, place: str, fields: Mapping[str, Any]) -> None:
        self.place = place
        self.fields = fields

    def fail(self, what: str) -> NoReturn:
        """Raises `InputError` with the place."""
        raise InputError(f"{self.place}: {what}")

    def has(self, field: str) -> bool:
        """True if the field is there and is not null."""
        return self.fields.get(field) is not None

    def value(self, field: str) -> Any:
        """The field's value."""
        if not self.has(field):
            self.fail(f'the field "{field}" is missing')
        return self.fields[field]

    def array(self, field: str, dimensions: int = 1) -> Array:
        """Numbers; null is NaN. JSON's numbers are float32, an array keeps float64."""
        value = self.value(field)
        if isinstance(value, np.ndarray):
            x = value
        elif isinstance(value, list):
            x = self._of_list(field, value)
        else:
            self.fail(f'"{field}" must be an array of numbers, but is {_kind(value)}')
        if x.size and x.ndim != dimensions:
            self.fail(f'"{field}" must have {dimensions} dimension{"s" * (dimensions > 1)}, but has {x.ndim}')
        if x.dtype.kind not in "fiub":
            self.fail(f'"{field}" must hold numbers, but has dtype {x.dtype}')
        return x

    def _of_list(self, field: str, value: list[Any]) -> Array:
        try:
            x = np.asarray(value)
        except ValueError:  # lists of different lengths
            x = np.empty(0, object)
        if x.dtype.kind not in "fiub" or x.dtype == object:
            x = np.array(self._checked(field, value), np.float64)
        with np.errstate(over="ignore"):
            return x.astype(np.float32) if x.dtype.kind == "f" else x

    def _checked(self, field: str, value: list[Any], place: str = "") -> list[Any]:
        """The list with null as NaN, each element looked at."""
        rows = bool(value) and isinstance(value[0], list)
        checked: list[Any] = []
        for i, x in enumerate(value):
            if rows and isinstance(x, list):
                checked.append(self._checked(field, x, f"[{i}]"))
                if len(x) != len(value[0]):
                    self.fail(f'"{field}"[{i}] has {len(x)} numbers, but the first has {len(value[0])}')
            elif x is None:
                checked.append(np.nan)
            elif isinstance(x, (int, float)) and not rows:
                checked.append(float(x) if abs(x) < 1e308 or x != x else np.inf)
            else:
                self.fail(f'"{field}"{place}[{i}] must be {"a list" if rows else "a number"}, but is {_kind(x)}')
        return checked

    def numbers(self, field: str, size: int, like: str, dimensions: int = 1) -> Array:
        """`size` numbers; one number is repeated."""
        value = self.value(field)
        if dimensions == 1 and isinstance(value, (int, float, np.number, np.bool_)):
            return np.full(size, value, np.float32)
        if dimensions == 1 and isinstance(value, np.ndarray) and value.shape in ((), (1,)) and size != 1:
            return np.full(size, value.reshape(()), value.dtype)
        x = self.array(field, dimensions)
        if len(x) != size:
            self.fail(f'"{field}" has {len(x)} values, but "{like}" has {size}')
        return x

    def integers(self, field: str, size: int, like: str, dimensions: int = 1) -> Array:
        """Token ids; −1 where one is null."""
        x = self.numbers(field, size, like, dimensions)
        if x.dtype.kind in "iu":
            return x
        x = np.where(np.isnan(x), -1, x)
        wrong = np.flatnonzero((x != np.floor(x)) | (np.abs(x) > 2.0**31))
        if wrong.size:
            self.fail(f'"{field}" must hold token ids, but holds {x.flat[wrong[0]]}')
        return x.astype(np.int64)

    def mask(self, field: str, size: int, like: str) -> npt.NDArray[np.bool_]:
        """Numbers that are 0 or 1."""
        x = self.numbers(field, size, like)
        wrong = np.flatnonzero((x != 0) & (x != 1))
        if wrong.size:
            self.fail(f'"{field}"[{wrong[0]}] is {x[wrong[0]]}, neither 0 nor 1')
        return x.astype(bool)

    def strings(self, field: str, size: int, like: str) -> list[str]:
        """`size` strings."""
        value = self.value(field)
        if not isinstance(value, list) or not all(isinstance(x, str) for x in value):
            self.fail(f'"{field}" must be an array of strings')
        if len(value) != size:
            self.fail(f'"{field}" has {len(value)} values, but "{like}" has {size}')
        return value


def _kind(value: Any) -> str:
    for kinds, name in (((bool,), "true or false"), ((int, float), "a number"), ((str,), "a string"),
                        ((list,), "a list"), ((dict,), "an object")):
        if isinstance(value, kinds):
            return name
    return "null" if value is None else type(value).__name__


def response_of(record: Record, reading: Reading) -> Optional[Response]:
    """The response of a record; None if it holds no token of one."""
    reading.choose_format(record.place, record.fields)
    return _Taken(record, reading).response()


class _Taken:
    """A record as its format reads it."""

    def __init__(self, record: Record, reading: Reading) -> None:
        assert reading.format is not None
        self.record, self.reading, self.format = record, reading, reading.format
        self.like = self._field("rollout_log_prob")
        if isinstance(record.fields.get(self._field("log_prob")), dict):
            self._choose_version()
        self.size = len(record.array(self.like))

    def _field(self, name: str) -> str:
        return self.reading.field_of(name, self.record.fields)

    def _choose_version(self) -> None:
        """log_prob as an object from numbers of updates to arrays."""
        field = self._field("log_prob")
        versions = self.record.fields[field]
        known = sorted(int(k) for k in versions if re.fullmatch("[0-9]{1,9}", k))
        if len(known) != len(versions) or not known:
            self.record.fail(f'the keys of "{field}" must be numbers of updates')
        if self.reading.updates is None:
            self.reading.updates = known[-1]
            if len(known) > 1:
                self.reading.note(f"log_prob is that after {known[-1]} updates, of {', '.join(map(str, known))}: "
                                  "choose by --updates")
        if self.reading.updates not in known:
            self.record.fail(f'"{field}" is there after {", ".join(map(str, known))} updates, not after '
                             f"{self.reading.updates}: choose another by --updates")
        chosen = versions[str(self.reading.updates)]
        self.record = Record(self.record.place, {**self.record.fields, field: chosen})

    def response(self) -> Optional[Response]:
        """The response."""
        mask = self._mask()
        active = np.flatnonzero(mask)
        if not active.size:
            self.reading.note("a record without a token of a response is left out")
            return None
        part = slice(int(active[0]), int(active[-1]) + 1)
        inputs = {name: x[part] for name, x in self._inputs().items()}
        tokens = None
        if self.record.has("tokens"):
            tokens = self.record.strings("tokens", self.size, self.like)[part]
        return Response(self.record.place, part.start, inputs, mask[part], tokens)

    def _mask(self) -> npt.NDArray[np.bool_]:
        """True where a slot is a token of the response."""
        field, record = self._field("response_mask"), self.record
        if self.format.name == "prime-rl" and isinstance(record.fields.get("losses"), list):
            return self._rl_mask()
        if record.has(field):
            mask = record.mask(field, self.size, self.like)
        elif self.format.holds_prompt:
            record.fail(f'the field "{field}" is missing, and without it the prompt cannot be told from the response: '
                        "write it, or name another field by --field response_mask=NAME")
        else:
            mask = np.ones(self.size, bool)
        if self.format.name == "NeMo-RL":
            self._cut(mask)
        return mask

    def _rl_mask(self) -> npt.NDArray[np.bool_]:
        """prime-rl: loss_mask covers every loss of a token; a region is about the one named rl."""
        losses = self.record.fields["losses"]
        if len(losses) != self.size:
            self.record.fail(f'"losses" has {len(losses)} values, but "{self.like}" has {self.size}')
        of_token = [x.get("rl") if isinstance(x, dict) else None for x in losses]
        return np.array([isinstance(x, dict) and x.get("mask") is True for x in of_token], bool)

    def _cut(self, mask: npt.NDArray[np.bool_]) -> None:
        """NeMo-RL: padding after input_lengths, and samples that the loss leaves out."""
        if self.record.has("input_lengths"):
            length = self.record.numbers("input_lengths", 1, self.like)[0]
            mask[max(int(length) if length == length else 0, 0):] = False
        if self.record.has("sample_loss_mask") and not self.record.mask("sample_loss_mask", 1, self.like)[0]:
            mask[:] = False

    def _inputs(self) -> dict[str, Array]:
        inputs = {name: self._floats(self._field(name)) for name in REQUIRED}
        self._add_advantage(inputs)
        for name in self.reading.needs:
            field = self._field(name)
            if not self.record.has(field):
                self.record.fail(f'a region reads {name}, but the field "{field}" is missing: leave out the region, '
                                 f"write the field, or name another one by --field {name}=NAME")
            if name in ("token_id", "top_k_ids"):
                inputs[name] = self.record.integers(field, self.size, self.like, 2 if "top_k" in name else 1)
            else:
                inputs[name] = self._floats(field, 2 if "top_k" in name else 1)
        if "token_id" not in inputs and self.record.has(self._field("token_id")):
            inputs["token_id"] = self.record.integers(self._field("token_id"), self.size, self.like)
        return inputs

    def _floats(self, field: str, dimensions: int = 1) -> Array:
        x = self.record.numbers(field, self.size, self.like, dimensions)
        return x if x.dtype.kind == "f" else x.astype(np.float32)

    def _add_advantage(self, inputs: dict[str, Array]) -> None:
        field = self._field("advantage")
        here = self.record.has(field)
        if self.reading.has_advantage is None:
            self.reading.has_advantage = here
            if not here:
                self.reading.note(f'"{field}" is missing: each update is taken to move away from the rollout policy, '
                                  "so that what is masked is the most that can be")
        if here != self.reading.has_advantage:
            there = "there" if here else "missing"
            self.record.fail(f'"{field}" is {there}, unlike in the records before: write it in all or in none')
        if here:
            inputs["advantage"] = self._floats(field)
