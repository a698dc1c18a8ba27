"""NeMo-RL: a trust region in place of its `ClippedPGLossFn`. NOT RUN with NeMo-RL: see README.md.

Before `nemo_rl.algorithms.grpo.setup`, with the configuration's `loss_fn` left as it is:

    import nemo_rl.algorithms.grpo as grpo, nemo_rl_recipe     # as you name this file
    grpo.ClippedPGLossFn = nemo_rl_recipe.TrustRegionLossFn

Sample with policy.generation.top_p = 1.0 and top_k = null: the loss sees no sampler to check.
"""
import cppo
from cppo.integrations import refuse, refuse_own, scored
from nemo_rl.algorithms.loss.interfaces import LossInputType, LossType

OWN = {"reference_policy_kl_penalty": 0.0, "ratio_clip_c": None, "sequence_level_importance_ratios": False,
       "disable_ppo_ratio": False, "force_on_policy_ratio": False, "use_cispo": False}


class TrustRegionLossFn:
    """The mean over all valid tokens. `generation_logprobs` are the engine's, `prev_logprobs` are not read."""

    loss_type, input_type, region = LossType.TOKEN_LEVEL, LossInputType.LOGPROB, cppo.fixed_cppo()

    def __init__(self, cfg):
        settings = dict(cfg)
        refuse_own(settings, OWN, "NeMo-RL")
        refuse(settings.get("use_importance_sampling_correction"), "the region lies around generation_logprobs, so "
               "importance weights would count twice; set loss_fn.use_importance_sampling_correction to false")
        refuse(not settings.get("token_level_loss", True), "set loss_fn.token_level_loss to true")

    def __call__(self, data, global_valid_seqs, global_valid_toks, next_token_logprobs):
        mu, rows = data["generation_logprobs"][:, 1:], data["sample_mask"]
        mask = scored(data["token_mask"][:, 1:] * rows.unsqueeze(-1), mu)
        loss, report = cppo.policy_loss(next_token_logprobs, mu, data["advantages"][:, 1:], mask, region=self.region,
                                        normalizer=global_valid_toks)
        here = report.tokens / max(float(global_valid_toks), 1.0)  # micro-batches and ranks are added up
        return loss, {"loss": loss.item(), "probs_ratio": report.mean_ratio * here,
                      "masked_fraction": report.masked_fraction * here, "num_valid_samples": rows.sum().item()}
