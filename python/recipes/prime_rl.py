"""prime-rl: a trust region as a custom loss, one response a call. NOT RUN with prime-rl: see README.md.

With this file's folder on the path of Python:

    [trainer.loss]
    type = "custom"
    import_path = "prime_rl_recipe.loss"     # as you name this file

    [trainer.loss.kwargs]
    region = "fixed_cppo(delta = 0.15)"

Sample with top_p = 1 and without top_k and min_p: the loss sees no sampler to check. prime-rl has left out tokens with
advantage 0, so that a prefix counts the others.
"""
import functools

import cppo
import torch
from cppo.integrations import refuse, scored
from prime_rl.trainer.rl.loss import LossInputs, LossOutputs

region_of = functools.lru_cache(cppo.region)


def loss(inputs: LossInputs, region: str = "fixed_cppo()", **options) -> LossOutputs:
    """The sum over the response's tokens: prime-rl divides by the tokens of all."""
    mu = inputs.inference_logprobs
    mask = scored(inputs.loss_mask, mu)
    refuse(mask.numel() > 1 and torch.equal(mu, inputs.trainer_logprobs.detach()), "inference_logprobs are the "
           "trainer's own to the bit, so that no region can act; send those of the engine")
    value, report = cppo.policy_loss(inputs.trainer_logprobs, mu, inputs.advantages, mask, region=region_of(region),
                                     token_weight=inputs.loss_weights, aggregate="token_sum", **options)
    charted = {"is_masked": report.masked_fraction, "is_masked_low": report.masked_low_fraction,
               "is_masked_high": report.masked_high_fraction, "mismatch_kl": report.kl_k3}
    return LossOutputs(loss=value, metrics={name: torch.tensor(x) for name, x in charted.items()})
