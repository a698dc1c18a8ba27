"""OpenRLHF: a trust region in place of `PolicyLoss`. Written for OpenRLHF 0.11.

In each worker, before its trainer is made, as by Ray's `worker_process_setup_hook`:

>>> install(cppo.fixed_cppo())
"""
from __future__ import annotations

import functools
from typing import Any

import torch
from openrlhf.models.loss import aggregate_loss

from .. import Region, policy_loss
from . import refuse, refuse_own, refuse_truncated, scored


def check(args: Any) -> None:
    """Refuses arguments under which the engine's log-probs are not μ: for the program that starts OpenRLHF."""
    refuse_truncated(vars(args.rollout), "--rollout.")


def install(region: Region, **options: Any) -> None:
    """Lets OpenRLHF's actor trainer use `region`. `options` go to `cppo.policy_loss`."""
    from openrlhf.trainer.ray import ppo_actor
    ppo_actor.PolicyLoss = functools.partial(TrustRegionLoss, region, options)


class TrustRegionLoss(torch.nn.Module):
    """Takes and returns what `PolicyLoss` does. `clip_eps_low`, `clip_eps_high` and what is_correction_mode, _gating
    and _threshold say are not read: the region takes their place."""

    def __init__(self, region: Region, options: dict[str, Any], *, token_level_loss: bool = True,
                 is_correction_level: str = "off", **own: Any) -> None:
        super().__init__()
        refuse_own(own, {"dual_clip": None, "policy_loss_type": "ppo"}, "OpenRLHF")
        refuse(is_correction_level == "off", "vLLM returns no log-probs, and old_log_probs are recomputed by the "
               "actor; set --algo.advantage.is_correction_level token: the correction itself is not applied")
        self.region, self.options, self.token_level_loss = region, options, token_level_loss

    def forward(self, log_probs: torch.Tensor, old_log_probs: torch.Tensor, advantages: torch.Tensor,
                action_mask: torch.Tensor | None = None, rollout_log_probs: torch.Tensor | None = None,
                **batch_info: Any) -> tuple[Any, ...]:
        """Loss, ppo_clip_ratio, ppo_kl, and twice None: nothing is filtered."""
        refuse(rollout_log_probs is None, "these responses have no log-probs of the engine; let the agent return them")
        mask = torch.ones_like(log_probs) if action_mask is None else action_mask
        of_tokens, report = policy_loss(log_probs, rollout_log_probs, advantages, scored(mask, rollout_log_probs),
                                        region=self.region, aggregate="none", **self.options)
        charted = report.metrics(names="openrlhf")
        loss = aggregate_loss(of_tokens, mask, self.token_level_loss, **batch_info)
        return loss, *(torch.tensor(charted[name]) for name in ("ppo_clip_ratio", "ppo_kl")), None, None
