"""slime: a trust region as a custom loss. NOT RUN with slime: see README.md.

    --loss-type custom_loss --custom-loss-function-path slime_recipe.loss     # as you name this file

miles has the same flags; its loss module lies elsewhere, so that the import differs.
"""
import cppo
import torch
from cppo.integrations import refuse, refuse_truncated, scored
from megatron.core import mpu
from slime.backends.megatron_utils.loss import get_log_probs_and_entropy

REGION = cppo.fixed_cppo()


def loss(args, batch, logits, sum_of_sample_mean):
    """`sum_of_sample_mean` reduces as slime is told to."""
    refuse_truncated({"top_p": args.rollout_top_p, "top_k": args.rollout_top_k}, "--rollout-")
    refuse(args.use_tis, "the region lies around the engine's log-probs, so TIS would count its mismatch twice; leave "
           "out --use-tis")
    refuse(not batch.get("rollout_log_probs"), "batch has no rollout_log_probs; set --use-rollout-logprobs")
    refuse(mpu.get_context_parallel_world_size() > 1, "a response is cut over ranks, and its prefix with it; set "
           "--context-parallel-size 1, or plan its pieces with cppo.plan_pieces")
    _, computed = get_log_probs_and_entropy(
        logits, args=args, unconcat_tokens=batch["unconcat_tokens"], total_lengths=batch["total_lengths"],
        response_lengths=batch["response_lengths"], with_entropy=False)
    pi, mu = torch.cat(computed["log_probs"]), torch.cat(batch["rollout_log_probs"])
    cu_seqlens = torch.tensor([0, *batch["response_lengths"]]).cumsum(0)
    mask = scored(torch.cat(batch["loss_masks"]), mu)
    of_tokens, _, out = cppo.policy_loss(pi, mu, torch.cat(batch["advantages"]), mask, region=REGION, aggregate="none",
                                         cu_seqlens=cu_seqlens, outputs=("mask",))
    value = sum_of_sample_mean(of_tokens)
    masked, kl = (mask & ~out.mask).float(), torch.where(mask, mu - pi.detach(), 0.0)
    return value, {"loss": value.detach(), "pg_loss": value.detach(), "pg_clipfrac": sum_of_sample_mean(masked),
                   "ppo_kl": sum_of_sample_mean(kl)}
