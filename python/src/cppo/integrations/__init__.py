"""cppo in trainers, one module each: `trl`, `verl`, `openrlhf`, `skyrl`. Import the one whose trainer is installed.

What all of them hold to: the region lies around μ, the policy that sampled. Where a trainer would give another anchor,
or weigh tokens by μ a second time, they refuse with a `ValueError` that says what to set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..report import Report

_WHOLE = {"top_p": (1.0, None), "top_k": (0, -1, None), "min_p": (0.0, None), "typical_p": (1.0, None),
          "epsilon_cutoff": (0.0, None), "eta_cutoff": (0.0, None), "repetition_penalty": (1.0, None),
          "presence_penalty": (0.0, None), "frequency_penalty": (0.0, None)}
"""The settings of a sampler under which it draws from the softmax over all tokens."""

_CHARTED = ("mean_divergence", "budget_mask_share", "mean_ratio")


def refuse_truncated(sampling: Mapping[str, Any], where: str) -> None:
    """Raises if the sampler draws from less than the softmax: then its log-probs are those of another law."""
    for name, whole in _WHOLE.items():
        if sampling.get(name, whole[0]) not in whole:
            raise ValueError(f"cppo: {where}{name} is {sampling[name]}: tokens are then drawn from a changed softmax, "
                             f"and the trainer's log-probs are not of that law; set {where}{name} to {whole[0]}")


def refuse(wrong: Any, sentence: str) -> None:
    """Raises `sentence` if something is wrong."""
    if wrong:
        raise ValueError(f"cppo: {sentence}")


def refuse_raw(logprobs_mode: str, remedy: str) -> None:
    """Raises if vLLM gives log-probs of another law than the one it samples from."""
    refuse(logprobs_mode != "processed_logprobs", f"vLLM gives {logprobs_mode}, which lack the temperature that it "
           f"samples at; {remedy}")


def refuse_own(settings: Mapping[str, Any], off: Mapping[str, Any], trainer: str) -> None:
    """Raises if a part of the trainer's own loss is on, for the region stands in for that loss."""
    for name, value in off.items():
        refuse(settings.get(name, value) != value, f"{name}={settings.get(name)!r} is a part of {trainer}'s own loss, "
               f"which the region stands in for; set {name}={value!r}")


def scored(response_mask: Any, rollout_log_prob: Any) -> Any:
    """The response mask without the tokens that the engine gave no log-prob, but NaN or infinity."""
    return response_mask.bool() & rollout_log_prob.isfinite()


def metrics(report: Report, names: str) -> dict[str, float]:
    """What a trainer charts under its own names, and what of a trust region it has no name for."""
    return {**report.metrics(names=names), **{f"cppo/{name}": float(getattr(report, name)) for name in _CHARTED}}
