"""Responses put together, so that a call has enough to do and memory has a bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import policy_loss
from .._native import Error
from ..diagnosis import Finding, diagnose
from ..loss import TopK
from ..regions import Region
from ..report import Report
from .records import Array, Response

SLOTS = 1 << 16
"""The slots of a chunk, unless one response has more."""


class Chunk:
    """Some whole responses, packed."""

    def __init__(self, responses: list[Response]) -> None:
        self.responses = responses
        lengths = [len(r.mask) for r in responses]
        self.cu_seqlens = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self.mask: npt.NDArray[np.bool_] = np.concatenate([r.mask for r in responses])
        names = set.intersection(*(set(r.inputs) for r in responses))
        self.inputs: dict[str, Array] = {n: np.concatenate([r.inputs[n] for r in responses]) for n in names}
        self.has_advantage = "advantage" in self.inputs
        if not self.has_advantage:
            self.inputs["advantage"] = _away(self.inputs["log_prob"], self.inputs["rollout_log_prob"])
        self.response_of_slot = np.repeat(np.arange(len(responses)), lengths)

    def _arguments(self) -> dict[str, Any]:
        x = self.inputs
        lists = [x.get(n) for n in ("top_k_ids", "top_k_log_probs", "top_k_rollout_log_probs")]
        return {"log_prob": x["log_prob"], "rollout_log_prob": x["rollout_log_prob"], "advantage": x["advantage"],
                "response_mask": self.mask, "cu_seqlens": self.cu_seqlens,
                "divergence_values": x.get("divergence_values"), "token_id": x.get("token_id"),
                "top_k": None if lists[0] is None else TopK(*lists)}

    def decide(self, region: Region, outputs: tuple[str, ...] = (), **options: Any) -> tuple[Report, Any]:
        """What the region does with the chunk. Raises `Error`."""
        _, report, found = policy_loss(**self._arguments(), region=region, outputs=outputs, **options)
        return report, found

    def diagnose(self, region: Region | None, **options: Any) -> list[Finding]:
        """What is wrong with the chunk."""
        return diagnose(**self._arguments(), region=region, **options)

    def place_of(self, error: Error) -> str:
        """The record and the slot that an error is about, as far as it is about one."""
        if not 0 <= error.response < len(self.responses):
            return ""
        r = self.responses[error.response]
        return f"{r.place}, slot {r.first_slot + error.token}" if error.token >= 0 else r.place


def _away(log_prob: Array, rollout_log_prob: Array) -> Array:
    """Advantages whose every update moves π away from μ."""
    return np.where(log_prob >= rollout_log_prob, 1, -1).astype(np.float32)


def chunks_of(responses: Iterable[Response], slots: int = SLOTS) -> Iterator[Chunk]:
    """The responses in order, in chunks of about `slots`."""
    waiting: list[Response] = []
    size = 0
    for r in responses:
        if waiting and size + len(r.mask) > slots:
            yield Chunk(waiting)
            waiting, size = [], 0
        waiting.append(r)
        size += len(r.mask)
    if waiting:
        yield Chunk(waiting)
