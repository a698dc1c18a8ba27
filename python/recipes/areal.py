"""AReaL: a trust region in place of its `grpo_loss_fn`. NOT RUN with AReaL: see README.md.

In each worker, before the actor's first update:

    import areal_recipe     # as you name this file
    areal_recipe.install(cppo.fixed_cppo())

Sample with gconfig.top_p = 1.0 and without top_k: the loss sees no sampler to check.
"""
import functools

import cppo
from areal.trainer.ppo import actor
from areal.utils import stats_tracker
from cppo.integrations import refuse, refuse_own, scored

OWN = {"c_clip": None, "m2_threshold": None, "importance_sampling_level": "token", "use_sapo_loss": False}


def install(region, **options):
    """`options` go to `cppo.policy_loss`."""
    actor.grpo_loss_fn = functools.partial(grpo_loss_fn, region=region, options=options)


def grpo_loss_fn(logprobs, entropy, input_data, *, region, options, use_decoupled_loss=False, **own):
    """The mean over the micro-batch's tokens: AReaL weighs micro-batches by their tokens. `eps_clip` is not read."""
    refuse_own(own, OWN, "AReaL")
    refuse(not use_decoupled_loss, "'logprobs' may be recomputed by the trainer; set actor.use_decoupled_loss=true, "
           "which keeps the engine's there (prox_logp_method=loglinear spends no forward pass on the others)")
    refuse(input_data.get("teacher_logp") is not None, "AReaL's distillation is not added here; set no teacher")
    mu, mask = input_data["logprobs"], input_data["loss_mask"].bool()
    known = scored(mask, mu)
    loss, _, out = cppo.policy_loss(logprobs, mu, input_data["advantages"], known, region=region,
                                    cu_seqlens=input_data.get("cu_seqlens"), normalizer=mask.sum().clamp(min=1),
                                    outputs=("mask",), **options)
    stats_tracker.denominator(n_valid_tokens=mask)
    stats_tracker.stat(clip_ratio=(known & ~out.mask).float(), approx_kl=(logprobs.detach() - mu) * known,
                       new_logp=logprobs.detach(), old_logp=mu, entropy=entropy.detach().float(),
                       denominator="n_valid_tokens")
    return loss
