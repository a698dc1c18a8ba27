"""Trust regions for reinforcement learning of language models: PPO, DPPO, CPPO and what else you compose.

>>> import cppo
>>> loss, report = cppo.policy_loss(log_prob, rollout_log_prob, advantage, response_mask, region=cppo.fixed_cppo())
>>> loss.backward()

A region says which tokens of a batch still count; `policy_loss` masks, weighs and differentiates them. NumPy arrays and
tensors of PyTorch go in as they are. The rules are those of arXiv 2606.10968.
"""

import sys as _sys

from . import advantages, parity, presets, rules, theory
from ._call import Options
from ._native import LIB as _LIB
from ._native import Error, StatusCode
from .advantage_call import add_reward_states, compute_advantage, reward_states, sum_rewards
from .clauses import ClauseCount, count_clauses
from .compiling import OwnPart, check_region, compile
from .diagnosis import Finding, diagnose
from .folds import MicroBatch, add_folds, fold_states
from .head import log_probs_from_head, policy_loss_from_head
from .logits import FullDivergences, LogProbs, full_divergences, log_probs, logits_gradient, policy_loss_from_logits
from .loss import TopK, policy_loss
from .outputs import TRACE, Decision, Outputs
from .parts import (Budget, Divergence, Gate, Mask, Weight, all_of, any_of, binary_kl, binary_kl_reverse, binary_tv,
                    calibrated_budget, divergence_within, fixed_budget, hard_gate, k1, k2, k3, keep_all, keep_none,
                    linear_weight, no_divergence, none_of, permuted, precomputed, prefix_budget, ratio_within,
                    reciprocal_gate, response_max_within, response_mean_within, reversed, top_k_kl, top_k_kl_list,
                    top_k_kl_replace_last, top_k_tv, top_k_tv_list, top_k_tv_replace_last, toward_rollout,
                    uniform_weight)
from .pieces import PieceBatch, PiecePlan, add_carries, add_totals, plan_pieces, resolve_totals
from .regions import (Region, calibrated_cppo, dppo, fixed_cppo, ppo, region, reporting, softened, trm_max, trm_mean,
                      trust_region, unrestricted)
from .report import Report, total
from .shards import FoundLogits, combine, find_logits

__version__: str = _LIB.cppo_version().decode()
instruction_set: str = _LIB.cppo_instruction_set().decode()
"""What calls run on, "x86-64-v3" or the like."""

if "torch" in _sys.modules:
    from . import _torch  # noqa: F401

__all__ = [
    "Budget", "ClauseCount", "Decision", "Divergence", "Error", "Finding", "FoundLogits", "FullDivergences", "Gate",
    "LogProbs", "Mask", "MicroBatch", "Options", "Outputs", "OwnPart", "PieceBatch", "PiecePlan", "Region",
    "Report", "StatusCode", "TRACE", "TopK", "Weight", "add_carries", "add_folds", "add_reward_states",
    "add_totals", "advantages", "all_of", "any_of", "binary_kl", "binary_kl_reverse", "binary_tv",
    "calibrated_budget", "calibrated_cppo", "check_region", "combine", "compile", "compute_advantage",
    "count_clauses", "diagnose", "divergence_within", "dppo", "find_logits", "fixed_budget", "fixed_cppo",
    "fold_states", "full_divergences", "hard_gate", "instruction_set", "k1", "k2", "k3", "keep_all", "keep_none",
    "linear_weight", "log_probs", "log_probs_from_head", "logits_gradient", "no_divergence", "none_of", "parity",
    "permuted", "plan_pieces", "policy_loss", "policy_loss_from_head", "policy_loss_from_logits", "ppo",
    "precomputed", "prefix_budget", "presets", "ratio_within", "reciprocal_gate", "region", "reporting",
    "resolve_totals", "response_max_within", "response_mean_within", "reversed", "reward_states", "rules", "softened",
    "sum_rewards", "top_k_kl", "top_k_kl_list", "top_k_kl_replace_last", "top_k_tv", "top_k_tv_list",
    "top_k_tv_replace_last", "total", "toward_rollout", "trm_max", "trm_mean", "trust_region", "uniform_weight",
    "unrestricted",
]
