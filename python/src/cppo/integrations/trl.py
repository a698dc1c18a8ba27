"""TRL 1.16: `GRPOTrainer` under a trust region, by its method `_compute_loss`. See docs/pytorch.md."""
from __future__ import annotations

from typing import Any

import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer

from .. import Region, policy_loss, total
from . import metrics, refuse, refuse_own, refuse_raw, refuse_truncated, scored

_AGGREGATE = {"grpo": "seq_mean_token_mean", "bnpo": "token_mean", "dr_grpo": "token_mean", "dapo": "token_mean"}
_OWN = {"beta": 0.0, "entropy_coef": 0.0, "use_adaptive_entropy": False, "top_entropy_quantile": 1.0, "delta": None,
        "off_policy_mask_threshold": None, "importance_sampling_level": "token"}
_IMAGES = ("pixel_values", "image_grid_thw", "num_images", "pixel_attention_mask", "spatial_shapes", "num_tiles",
           "image_sizes", "token_type_ids", "mm_token_type_ids", "image_position_ids")


class TrustRegionGRPOTrainer(GRPOTrainer):  # pyright: ignore[reportGeneralTypeIssues]
    """`epsilon` and `epsilon_high` are not read. `options` go to `cppo.policy_loss`, as `{"ratio_cap": 20.0}`."""

    def __init__(self, *args: Any, region: Region, options: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.region, self.options, a = region, options or {}, vars(self.args)
        refuse_truncated({**a, **(a["generation_kwargs"] or {})}, "GRPOConfig's ")
        refuse_own({**a, "router_aux_loss_coef": float(self.aux_loss_enabled and self.router_aux_loss_coef)},
                   {**_OWN, "router_aux_loss_coef": 0.0}, "TRL")
        refuse(self.loss_type not in _AGGREGATE, f"loss_type {self.loss_type} is a rule of its own, which the region "
               f"stands in for; set it to {', '.join(_AGGREGATE)}, which say how tokens are averaged")
        refuse(self.use_vllm and self.vllm_importance_sampling_correction, "the region lies around the engine's "
               "log-probs, so importance weights would count twice; set vllm_importance_sampling_correction=False")
        if self.use_vllm and self.vllm_mode == "server" and self.accelerator.is_main_process:
            server = self.vllm_generation.vllm_client.get_server_info()["model_config"]
            refuse_raw(server["logprobs_mode"], "start vllm-serve with --logprobs-mode processed_logprobs")

    def _rollout_log_prob(self, inputs: dict[str, Any], log_prob: torch.Tensor) -> torch.Tensor:
        mu = inputs.get("sampling_per_token_logps")
        refuse(mu is None and (self.use_vllm or self.rollout_func), "the engine gave no log-probs, and the trainer's "
               "are not those that it sampled from; let vLLM, or your rollout_func, return logprobs")
        mu = inputs.get("old_per_token_logps") if mu is None else mu  # the trainer itself has sampled
        return log_prob.detach() if mu is None else mu

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        ids, mask = inputs["completion_ids"], inputs["completion_mask"] * inputs.get("tool_mask", 1)
        log_prob, entropy, _ = self._get_per_token_logps_and_entropies(
            model, torch.cat([inputs["prompt_ids"], ids], 1), torch.cat([inputs["prompt_mask"], inputs[
                "completion_mask"]], 1), ids.shape[1], compute_entropy=True, **{k: inputs.get(k) for k in _IMAGES})
        mu, training, rows = self._rollout_log_prob(inputs, log_prob), self.model.training, len(mask)
        tokens = inputs["num_items_in_batch"].clamp(min=1) / self.accelerator.num_processes
        count = {"grpo": rows, "bnpo": mask.sum().clamp(min=1), "dr_grpo": rows * self.max_completion_length,
                 "dapo": tokens / (self.args.steps_per_generation if training else 1)}[self.loss_type]
        loss, report = policy_loss(log_prob, mu, inputs["advantages"], scored(mask, mu), region=self.region,
                                   normalizer=count * (self.current_gradient_accumulation_steps if training else 1),
                                   aggregate=_AGGREGATE[self.loss_type], **self.options)
        charted = {**metrics(total(gather_object([report])), "trl"), "entropy": self.accelerator.gather(
            (entropy * mask).sum() / mask.sum().clamp(min=1)).mean().item()}
        for name, value in charted.items():
            self._metrics["train" if training else "eval"][name].append(value)
        return loss
