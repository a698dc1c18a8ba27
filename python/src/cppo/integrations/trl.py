"""TRL 1.16: `GRPOTrainer` under a trust region, by its method `_compute_loss`. See docs/pytorch.md."""
from __future__ import annotations

from typing import Any

import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer

from .. import LogProbs, Region, TopK, log_probs, policy_loss, total
from . import metrics, refuse, refuse_own, refuse_raw, refuse_truncated, scored

_AGGREGATE = {"grpo": "seq_mean_token_mean", "bnpo": "token_mean", "dr_grpo": "token_mean", "dapo": "token_mean"}
_OWN = {"beta": 0.0, "entropy_coef": 0.0, "use_adaptive_entropy": False, "top_entropy_quantile": 1.0, "delta": None,
        "off_policy_mask_threshold": None, "importance_sampling_level": "token"}
_IMAGES = ("pixel_values", "image_grid_thw", "num_images", "pixel_attention_mask", "spatial_shapes", "num_tiles",
           "image_sizes", "token_type_ids", "mm_token_type_ids", "image_position_ids")


class TrustRegionGRPOTrainer(GRPOTrainer):  # pyright: ignore[reportGeneralTypeIssues]
    """`epsilon` and `epsilon_high` are not read. `options` go to `cppo.policy_loss`, as `{"ratio_cap": 20.0}`. A region
    whose divergence is a Top-K one reads the logits of text models, and the `listed_ids` ids that μ ranks highest."""

    def __init__(self, *args: Any, region: Region, options: dict[str, Any] | None = None, listed_ids: int = 20,
                 **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.region, self.options, self.listed_ids, a = region, options or {}, listed_ids, vars(self.args)
        self.reads_lists = "top_k_ids" in region.reads
        refuse(listed_ids < 1, f"listed_ids is {listed_ids}, but a Top-K divergence needs 1 id or more; "
               "leave it out for 20")
        refuse(self.reads_lists and (self.use_vllm or self.rollout_func), "a Top-K divergence needs the ids that the "
               "engine ranks highest, and TRL keeps the sampled one alone; take a Binary divergence, or let the "
               "trainer sample")
        refuse(self.reads_lists and a["cast_lm_head_to_fp32"], "cast_lm_head_to_fp32 is TRL's own head, which gives no "
               "logits; set cast_lm_head_to_fp32=False")
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

    def _logits(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """Of the completions, [B, T, V]."""
        refuse(any(inputs.get(name) is not None for name in _IMAGES), "a Top-K divergence reads the logits of text "
               "models; take a Binary divergence")
        ids, mask = (torch.cat([inputs[f"prompt_{x}"], inputs[f"completion_{x}"]], 1) for x in ("ids", "mask"))
        with self.accelerator.autocast():
            width = inputs["completion_ids"].shape[1]
            logits = model(input_ids=ids, attention_mask=mask, logits_to_keep=width + 1, use_cache=False).logits
        found: torch.Tensor = logits[:, -width - 1:-1]
        return found

    def _of_logits(self, logits: torch.Tensor, inputs: dict[str, Any], **asked: Any) -> LogProbs:
        return log_probs(logits, inputs["completion_ids"], response_mask=inputs["completion_mask"],
                         temperature=self.temperature, **asked)

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        """Where μ is not the policy of the update, also log μ of its `listed_ids` ids: by a forward pass of its own,
        after TRL's, whose log-probs of the sampled ids it replaces so that all are of one softmax."""
        made = super()._generate_and_score_completions(inputs)
        if self.reads_lists and made.get("old_per_token_logps") is not None:
            rows, found = self.args.per_device_train_batch_size, []
            with torch.no_grad():
                for first in range(0, len(made["completion_ids"]), rows):
                    some = {name: x[first:first + rows] for name, x in made.items()
                            if name.startswith(("prompt_", "completion_")) or name in _IMAGES and x is not None}
                    found.append(self._of_logits(self._logits(self.model, some), some, largest_count=self.listed_ids))
            names = {"old_per_token_logps": "log_prob", "mu_ids": "largest_id", "mu_log_probs": "largest_log_prob"}
            made.update({name: torch.cat([getattr(x, of) for x in found]) for name, of in names.items()})
        return made

    def _per_token(self, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor, dict[str, Any]]:
        """log π, entropy, and what a Top-K divergence reads."""
        ids, mask = inputs["completion_ids"], inputs["completion_mask"]
        if not self.reads_lists:
            log_prob, entropy, _ = self._get_per_token_logps_and_entropies(
                model, torch.cat([inputs["prompt_ids"], ids], 1), torch.cat([inputs["prompt_mask"], mask], 1),
                ids.shape[1], compute_entropy=True, **{k: inputs.get(k) for k in _IMAGES})
            return log_prob, entropy, {}
        logits = self._logits(model, inputs)
        listed, of_mu = inputs.get("mu_ids"), inputs.get("mu_log_probs")
        if listed is None:  # the trainer has sampled, one update for each batch: π is μ
            its = self._of_logits(logits.detach(), inputs, largest_count=self.listed_ids)
            listed, of_mu = its.largest_id, its.largest_log_prob
        found = self._of_logits(logits, inputs, top_k_ids=listed, entropy=True)
        return found.log_prob, found.entropy.detach(), {
            "token_id": ids, "top_k": TopK(listed, found.listed_log_prob, of_mu)}

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        mask = inputs["completion_mask"] * inputs.get("tool_mask", 1)
        log_prob, entropy, lists = self._per_token(model, inputs)
        mu, training, rows = self._rollout_log_prob(inputs, log_prob), self.model.training, len(mask)
        tokens = inputs["num_items_in_batch"].clamp(min=1) / self.accelerator.num_processes
        count = {"grpo": rows, "bnpo": mask.sum().clamp(min=1), "dr_grpo": rows * self.max_completion_length,
                 "dapo": tokens / (self.args.steps_per_generation if training else 1)}[self.loss_type]
        loss, report = policy_loss(log_prob, mu, inputs["advantages"], scored(mask, mu), region=self.region,
                                   normalizer=count * (self.current_gradient_accumulation_steps if training else 1),
                                   aggregate=_AGGREGATE[self.loss_type], **lists, **self.options)
        charted = {**metrics(total(gather_object([report])), "trl"), "entropy": self.accelerator.gather(
            (entropy * mask).sum() / mask.sum().clamp(min=1)).mean().item()}
        for name, value in charted.items():
            self._metrics["train" if training else "eval"][name].append(value)
        return loss
