"""Shards of the vocabulary, as tensor-parallel ranks hold them: what each finds is sent between ranks, and combined."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native as c
from . import _rows
from ._numpy import as_array, whole_words
from ._rows import How, Rows
from .logits import LogProbs, _array, _is_tensor, check_asked, in_torch, new_log_probs, shaped


class FoundLogits:
    """What `find_logits` finds of the tokens of a batch, or several ranks together. All of it is one array of whole
    numbers, `words`, of the same length on every rank until shards are combined: send it between ranks as it is, and
    make this of what comes."""

    __slots__ = ("words",)

    words: Any
    """int64 [n], an array, or a tensor beside the logits where they are one. Its layout: `cppo_find_logits` of cppo.h.
    """

    def __init__(self, words: Any) -> None:
        self.words = words if _is_words(words) else whole_words(words, "words").ravel()

    def __reduce__(self) -> tuple[type[FoundLogits], tuple[Any]]:
        return FoundLogits, (self.words,)

    def __repr__(self) -> str:
        shards = " and ".join(f"{first} to {first + n - 1}" for first, n in self.shards)
        return f"<FoundLogits: ids {shards or 'none'} of {self.vocabulary}, {self.tokens} tokens>"

    @property
    def _heads(self) -> npt.NDArray[np.int64]:
        """The numbers before those of tokens; all 0 where there are too few words."""
        words = _as_array(self.words)
        return words if len(words) >= _rows.FOUND_HEADS else np.zeros(_rows.FOUND_HEADS, np.int64)

    @property
    def temperature(self) -> float:
        """T."""
        return float(self._heads[:1].view(np.float64)[0])

    @property
    def vocabulary(self) -> int:
        """The number of ids of the whole vocabulary."""
        return int(self._heads[1])

    @property
    def tokens(self) -> int:
        """The number of tokens."""
        return int(self._heads[4])

    @property
    def shards(self) -> list[tuple[int, int]]:
        """First id and number of ids of what was read; neighbours are one. None of what no call accepts."""
        heads = self._heads
        pairs = heads[_rows.FOUND_HEADS:_rows.FOUND_HEADS + 2 * max(int(heads[5]), 0)]
        return [(int(pairs[i]), int(pairs[i + 1])) for i in range(0, len(pairs) - 1, 2)]

    def log_probs(self, logits: Any, token_id: Any, *, first_id: int = 0, top_k_ids: Any = None,
                  response_mask: Any = None, cu_seqlens: Any = None, entropy: bool = False, largest_count: int = 0,
                  dtype: str = "float32", gradient_in_place: bool = False, executor: str = "simd", threads: int = 1,
                  with_capacity: bool = False) -> LogProbs:
        """`cppo.log_probs` from what was found in all shards. Backward gives the gradient of the logits of this rank,
        which has all that it needs: each rank computes the whole loss, and nothing is sent.

        Args:
            logits, first_id: this rank's, as `find_logits` got them. They are read by backward alone.
            token_id, top_k_ids, response_mask, cu_seqlens, with_capacity: as `find_logits` got them.
            largest_count: at most as many as `find_logits` was asked for.
            entropy, dtype, gradient_in_place, executor, threads: as `cppo.log_probs`.

        Raises:
            Error: as `cppo.log_probs`; `shards_mismatch` where a shard is missing, or is there twice, where two
                overlap, where the words are not those of one call, or their number is wrong.
        """
        _rows.check_found(_as_array(self.words))
        how = How(self.temperature, executor, threads, with_capacity)
        logits, lists = shaped(logits), shaped(top_k_ids)
        shard = (first_id, self.vocabulary)
        _rows.check_shape(tuple(logits.shape))
        check_asked(how, dtype, largest_count, lists)
        _rows.check_shard(shard, logits.shape[-1])
        inputs = (token_id, lists, response_mask, cu_seqlens)
        if _is_tensor(logits):
            call = in_torch["log_probs_of_found"]
            found: LogProbs = call(logits, _as_array(self.words), shard, inputs, entropy, largest_count, dtype,
                                   gradient_in_place, how)
            return found
        slots = tuple(logits.shape[:-1])
        made = new_log_probs(slots, lists, entropy, largest_count, dtype)
        given = {"token_id": as_array(token_id), "response_mask": _array(response_mask), "top_k_ids": _array(lists)}
        _rows.log_probs_of(_as_array(self.words), _rows.of_any_shard(slots, how, shard[1], _array(cu_seqlens)), given,
                           made._asdict())
        return made


def _is_words(x: Any) -> bool:
    return len(getattr(x, "shape", ())) == 1 and str(getattr(x, "dtype", "")) in ("int64", "torch.int64")


def _as_array(words: Any) -> npt.NDArray[np.int64]:
    """The words where the library reads them."""
    on_host = words.detach().cpu().numpy() if hasattr(words, "detach") else words
    return np.ascontiguousarray(on_host, np.int64)


def find_logits(logits: Any, token_id: Any, *, first_id: int, vocabulary: int, top_k_ids: Any = None,
                response_mask: Any = None, cu_seqlens: Any = None, temperature: float = 1.0, largest_count: int = 0,
                executor: str = "simd", threads: int = 1, with_capacity: bool = False) -> FoundLogits:
    """What one pass finds in the logits of a shard of the vocabulary: the first step of log-probs over several ranks.
    It has no gradient: that is the affair of `FoundLogits.log_probs`.

        found = cppo.find_logits(shard, token_id, first_id=rank * part, vocabulary=size * part)
        words = [torch.empty_like(found.words) for _ in range(size)]
        torch.distributed.all_gather(words, found.words)
        whole = cppo.combine(*(cppo.FoundLogits(w) for w in words))
        log_prob = whole.log_probs(shard, token_id, first_id=rank * part).log_prob

    Args:
        logits: of ids first_id, first_id + 1, ..., as `log_probs` takes them.
        token_id, top_k_ids: ids of the whole vocabulary, the same on every rank, as is all else.
        vocabulary: how many ids the whole vocabulary has.
        largest_count: how many of the largest logits `FoundLogits.log_probs` can list.
        response_mask, cu_seqlens, temperature, executor, threads, with_capacity: as `log_probs`.

    Raises:
        Error: as `log_probs`.
    """
    how = How(temperature, executor, threads, with_capacity)
    logits, lists = shaped(logits), shaped(top_k_ids)
    _rows.check_shape(tuple(logits.shape))
    check_asked(how, largest_count=largest_count, lists=lists)
    _rows.check_shard((first_id, vocabulary), logits.shape[-1])
    if _is_tensor(logits):
        return FoundLogits(in_torch["find_logits"](logits, (first_id, vocabulary), token_id, lists, response_mask,
                                                   cu_seqlens, largest_count, how))
    inputs = {"token_id": as_array(token_id), "response_mask": _array(response_mask), "top_k_ids": _array(lists)}
    rows = Rows(np.asarray(logits), how, _array(cu_seqlens), shard=(first_id, vocabulary))
    return FoundLogits(_rows.find(rows, inputs, largest_count))


def combine(*found: FoundLogits) -> FoundLogits:
    """What was found in all these shards of the vocabulary, in this order: the same on every rank, since it moves the
    last bits. What has an id twice, or differs in temperature, sizes or the number of tokens, becomes what no call
    accepts. That sampled and listed ids were the same on all ranks is not seen."""
    if not found:
        raise c.Error("combine takes what find_logits finds, one for each shard: pass them", c.StatusCode.bad_parameter)
    like = found[0].words
    whole = functools.reduce(_combined, (_as_array(f.words) for f in found))
    return FoundLogits(like.new_tensor(whole) if hasattr(like, "new_tensor") else whole.copy())


def _combined(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    made = np.empty(a.size + b.size + _rows.FOUND_HEADS, np.int64)
    size = c.LIB.cppo_combine_found(a.ctypes.data, a.size, b.ctypes.data, b.size, made.ctypes.data, made.size)
    if size < 0:
        raise c.Error("there is no memory left: use shorter responses, or free some", c.StatusCode.no_memory)
    return made[:size].copy()
