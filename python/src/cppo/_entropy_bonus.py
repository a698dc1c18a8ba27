"""An entropy bonus in the loss of a call on logits, of arrays and of tensors alike: nothing waits for a device."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from . import _native as c
from ._call import PER_TOKEN


class Bonus(NamedTuple):
    """What a bonus of c takes from the losses of tokens, of the shape of the slots, in double."""

    slope: Any
    """∂loss/∂H: −c times the scale of the aggregation; 0 at slots without a token."""
    share: Any
    """−c, over the length of the response under seq_mean_token_mean: what H counts in `sum_loss` of the report."""

    def of_tokens(self, entropy: Any) -> Any:
        """What each token has added to its loss."""
        return _of(self.slope).where(self.share != 0.0, self.slope * entropy, 0.0)

    def of_report(self, entropy: Any) -> Any:
        """What the report has added to `sum_loss`."""
        return _of(self.slope).where(self.share != 0.0, self.share * entropy, 0.0).sum()


def check(coefficient: float) -> float:
    """The coefficient. Raises `Error` unless it is finite."""
    largest = float(np.finfo(np.float32).max)
    if not -largest <= coefficient <= largest:
        raise c.Error(f"entropy_bonus is {coefficient}, but must be finite: 0 adds no entropy to the loss",
                      argument="options")
    return float(coefficient)


def _of(x: Any) -> Any:
    """NumPy, or PyTorch where these are its tensors: both have the functions that are used here."""
    return sys.modules["torch"] if hasattr(x, "__torch_function__") else np


def _double(x: Any, like: Any) -> Any:
    """Numbers in double, of the kind that the others have."""
    if not hasattr(like, "__torch_function__"):
        return np.asarray(x).astype(np.float64)
    return _of(like).as_tensor(x, device=like.device).double()


class _Responses:
    """The tokens of each response, [B], and the way back to slots."""

    def __init__(self, token: Any, cu_seqlens: Any) -> None:
        self._by, self._token = _of(token), token
        self._none = token.sum().reshape(1) * 0.0
        if cu_seqlens is None:
            self.tokens = (token if token.ndim == 2 else token[None]).sum(-1)
            return
        self._cuts = _double(cu_seqlens, token)
        until = self._by.concatenate([self._none, self._by.cumsum(token.reshape(-1), 0)])
        at = self._cuts.long() if self._by is not np else self._cuts.astype(np.int64)
        self.tokens = until[at[1:]] - until[at[:-1]]

    def at_slots(self, x: Any) -> Any:
        """A number of each response at each of its slots, 1 at those of none."""
        if not hasattr(self, "_cuts"):
            return (x[:, None] + 0.0 * self._token).reshape(self._token.shape)
        flat = self._token.reshape(-1)
        place = self._by.cumsum(self._by.ones_like(flat), 0) - 1.0
        response = self._by.searchsorted(self._cuts[1:], place, side="right")
        return self._by.concatenate([x, self._none + 1.0])[response].reshape(self._token.shape)


def bonus_of(coefficient: float, decision: Any, cu_seqlens: Any, options: Mapping[str, Any]) -> Bonus:
    """The bonus of a call that has decided. `options`: those of `policy_loss`."""
    token = _double(decision != 0, decision)
    all_of = _Responses(token, cu_seqlens)
    aggregate, normalizer = options.get("aggregate", "token_mean"), options.get("normalizer")
    carries, totals = (None if options.get(n) is None else _double(options[n], token) for n in ("carries", "totals"))
    length = all_of.tokens if totals is None else totals[:, 0]
    begins = all_of.tokens > 0.0 if carries is None else (all_of.tokens > 0.0) & (carries[:, 0] == 0.0)
    if normalizer is not None:
        divisor = _double(normalizer, token)
    elif aggregate in ("token_sum", PER_TOKEN):
        divisor = 1.0
    else:
        divisor = (token if aggregate == "token_mean" else _double(begins, token)).sum().clip(1.0)
    share = -coefficient * token
    if aggregate == "seq_mean_token_mean":
        by_length = all_of.at_slots(length.clip(1.0))
        return Bonus(-coefficient * (1.0 / (divisor * by_length)) * token, share / by_length)
    scaled = divisor * options.get("horizon", 0) if aggregate == "seq_mean_token_sum_norm" else divisor
    return Bonus(-coefficient * (1.0 / scaled) * token, share)
