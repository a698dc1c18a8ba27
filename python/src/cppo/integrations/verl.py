"""verl: a trust region as a policy loss, by `register_policy_loss`. Written for verl 0.9.

In a module of yours that every worker imports, by `actor_rollout_ref.model.external_lib=<module>`:

>>> register("cppo", cppo.fixed_cppo())  # then actor_rollout_ref.actor.policy_loss.loss_mode=cppo
"""
from __future__ import annotations

from typing import Any

from verl.trainer.ppo.core_algos import POLICY_LOSS_REGISTRY, agg_loss, register_policy_loss

from .. import Region, policy_loss
from . import metrics, refuse, refuse_raw, refuse_truncated, scored


def check(config: Any) -> None:
    """Refuses a configuration under which `old_log_prob` is not μ: for the program that starts verl."""
    rollout = config.actor_rollout_ref.rollout
    refuse_truncated(rollout, "actor_rollout_ref.rollout.")
    refuse(not rollout.calculate_log_probs, "the engine gives no log-probs; set "
           "actor_rollout_ref.rollout.calculate_log_probs=True")
    refuse_raw(rollout.get("logprobs_mode", "processed_logprobs"),
               "set actor_rollout_ref.rollout.logprobs_mode=processed_logprobs")
    _check_correction(config.algorithm.get("rollout_correction") or {})


def _check_correction(correction: Any) -> None:
    refuse(not correction.get("bypass_mode"), "old_log_prob is recomputed by the trainer, and is not what the engine "
           "sampled from; set algorithm.rollout_correction.bypass_mode=True, and show it to the loss by "
           "+actor_rollout_ref.actor.policy_loss.rollout_correction='${algorithm.rollout_correction}'")
    for name in ("rollout_is", "rollout_rs"):
        refuse(correction.get(name), f"{name} would count the engine's mismatch twice, for the region lies around its "
               f"log-probs; set algorithm.rollout_correction.{name}=null")


def _refuse_bypass(*_: Any, **__: Any) -> Any:
    refuse(True, "verl has overwritten loss_mode by 'bypass_mode', so that no region would act; "
           "call register('bypass_mode', region)")


def register(name: str, region: Region, *, recomputed: bool = False, **options: Any) -> None:
    """Makes `region` the loss `name`. `options` go to `cppo.policy_loss`.

    `recomputed`: the region shall lie around the trainer's own log-probs, not μ; then rollout_is may weigh tokens.
    """
    def loss(old_log_prob: Any, log_prob: Any, advantages: Any, response_mask: Any, loss_agg_mode: str = "token-mean",
             config: Any = None, rollout_is_weights: Any = None) -> Any:
        if not recomputed:
            refuse(rollout_is_weights is not None, "rollout_is_weights would count μ twice; set rollout_is=null")
            _check_correction(config.policy_loss.get("rollout_correction") or {})
        of_tokens, report = policy_loss(
            log_prob, old_log_prob, advantages, scored(response_mask, old_log_prob), region=region, aggregate="none",
            token_weight=rollout_is_weights, **options)
        return agg_loss(of_tokens, response_mask, loss_agg_mode, **config.global_batch_info), metrics(report, "verl")
    POLICY_LOSS_REGISTRY["bypass_mode"] = _refuse_bypass
    register_policy_loss(name)(loss)
