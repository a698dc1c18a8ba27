"""SkyRL: a trust region as a policy loss, by `register_policy_loss`. Written for SkyRL 0.3.

>>> register("cppo", cppo.fixed_cppo())  # then trainer.algorithm.policy_loss_type=cppo
"""
from __future__ import annotations

from typing import Any

import torch
from skyrl.backends.skyrl_train.utils.off_policy_correction_utils import off_policy_correction_enabled
from skyrl.backends.skyrl_train.utils.ppo_utils import register_policy_loss

from .. import Region, policy_loss
from . import metrics, refuse, refuse_truncated, scored


def check(config: Any) -> None:
    """Refuses a configuration under which the engine's log-probs are not μ: for the program that starts SkyRL."""
    sampling = config.generator.sampling_params
    refuse_truncated({**vars(sampling), **(sampling.additional_kwargs or {})}, "generator.sampling_params.")
    refuse(sampling.logprobs is None, "the engine gives no log-probs; set generator.sampling_params.logprobs=1")
    _check_correction(config.trainer.algorithm)


def _check_correction(algorithm: Any) -> None:
    refuse(algorithm.use_tis or off_policy_correction_enabled(algorithm.off_policy_correction),
           "the region lies around the engine's log-probs, so trainer.algorithm.off_policy_correction would count its "
           "mismatch twice; set its tis_ratio_type, sequence_mask_metric and thresholds to null, and use_tis to false")


def register(name: str, region: Region, **options: Any) -> None:
    """Makes `region` the loss `name`. `options` go to `cppo.policy_loss`."""
    def loss(log_probs: torch.Tensor, old_log_probs: torch.Tensor, advantages: torch.Tensor, config: Any,
             loss_mask: torch.Tensor | None = None, rollout_logprobs: torch.Tensor | None = None) -> Any:
        """SkyRL has scaled the advantages already: the loss is a sum."""
        refuse(rollout_logprobs is None, "the engine gave no log-probs, and old_log_probs are recomputed by the "
               "trainer; set generator.sampling_params.logprobs=1")
        _check_correction(config)
        mask = torch.ones_like(log_probs) if loss_mask is None else loss_mask
        value, report = policy_loss(log_probs, rollout_logprobs, advantages, scored(mask, rollout_logprobs),
                                    region=region, aggregate="token_sum", **options)
        return value, metrics(report, "skyrl")
    register_policy_loss(name)(loss)
