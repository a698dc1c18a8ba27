"""TRL's own `GRPOTrainer`: the same parameters under the same rule, a reward that rises, and what is refused."""

from __future__ import annotations

import math
import subprocess
import sys
import types

import cppo
import pytest

torch = pytest.importorskip("torch")
trl = pytest.importorskip("trl", reason="TRL is not installed: ./run test-trainers installs it")

import tiny  # noqa: E402
from cppo.integrations.trl import TrustRegionGRPOTrainer  # noqa: E402


def make(cls, tmp_path, model=None, args=None, **keywords):
    config = dict(output_dir=str(tmp_path), per_device_train_batch_size=8, num_generations=4, max_completion_length=8,
                  max_steps=4, learning_rate=3e-2, num_iterations=2, report_to=[], use_cpu=True, logging_steps=1,
                  save_strategy="no", bf16=False, disable_tqdm=True, seed=1)
    return cls(model=model or tiny.model(), reward_funcs=tiny.reward, args=trl.GRPOConfig(**{**config, **(args or {})}),
               train_dataset=tiny.PROMPTS, processing_class=tiny.tokenizer(), **keywords)


def logs(trainer, name):
    return [step[name] for step in trainer.state.log_history if name in step]


def largest_difference(a, b):
    return max((x - y).abs().max().item() for x, y in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("args", [
    {"loss_type": "dapo"}, {"loss_type": "dr_grpo", "num_iterations": 1, "steps_per_generation": 2},
    {"loss_type": "grpo", "gradient_accumulation_steps": 2}, {"loss_type": "bnpo", "mask_truncated_completions": True},
    {"loss_type": "dapo", "gradient_accumulation_steps": 2, "steps_per_generation": 4, "num_iterations": 1}], ids=str)
def test_ppo_trains_the_parameters_of_trl_s_own_loss(tmp_path, args):
    theirs = make(trl.GRPOTrainer, tmp_path, args=args)
    theirs.train()
    ours = make(TrustRegionGRPOTrainer, tmp_path, args=args, region=cppo.ppo(epsilon=0.2))  # sets the seed again
    ours.train()
    assert largest_difference(theirs.model, tiny.model()) > 1e-2  # it has moved
    print("largest difference of a parameter:", largest_difference(theirs.model, ours.model))
    assert largest_difference(theirs.model, ours.model) < 1e-5
    for name in ("reward", "grad_norm", "clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean"):
        assert logs(ours, name) == pytest.approx(logs(theirs, name), rel=1e-3, abs=1e-5), name
    assert max(logs(theirs, "clip_ratio/region_mean")) > 0.0  # and the rule has acted
    assert logs(ours, "loss")[0] == pytest.approx(logs(theirs, "loss")[0], abs=1e-5)  # later masked tokens add 0


@pytest.mark.parametrize("loss_type", ["dapo", "grpo"])
def test_two_ranks_train_as_trl_s_own_loss_does(tmp_path, loss_type):
    """Over gloo, with two micro-batches a step: parameters and metrics."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-endpoint=localhost:0",
               "--rdzv-backend=c10d", __file__, str(tmp_path), loss_type]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the same on rank") == 2, done.stdout


def compare_here(tmp_path, loss_type):
    """What each rank runs."""
    args = {"loss_type": loss_type, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    theirs = make(trl.GRPOTrainer, tmp_path, args=args)
    theirs.train()
    ours = make(TrustRegionGRPOTrainer, tmp_path, args=args, region=cppo.ppo(epsilon=0.2))
    ours.train()
    assert ours.accelerator.num_processes == 2 and largest_difference(theirs.model, tiny.model()) > 1e-2
    assert largest_difference(theirs.model, ours.model) < 1e-5
    if ours.accelerator.is_main_process:
        for name in ("grad_norm", "clip_ratio/low_mean", "clip_ratio/region_mean"):
            assert logs(ours, name) == pytest.approx(logs(theirs, name), rel=1e-3, abs=1e-5), name
    print("the same on rank", ours.accelerator.process_index)


def test_fixed_cppo_teaches_a_reward(tmp_path):
    trainer = make(TrustRegionGRPOTrainer, tmp_path, region=cppo.fixed_cppo(delta=0.01, delta_b=0.001),
                   args={"max_steps": 40, "per_device_train_batch_size": 32, "num_generations": 8,
                         "learning_rate": 1e-2, "loss_type": "dapo"})
    trainer.train()
    reward = logs(trainer, "reward")
    assert sum(reward[-5:]) / 5 > sum(reward[:5]) / 5 + 0.25, reward
    assert max(logs(trainer, "clip_ratio/region_mean")) > 0.0
    assert all(math.isfinite(x) for x in logs(trainer, "loss"))


def test_the_papers_top_k_configuration_teaches_a_reward(tmp_path):
    """Top-20 TV under a calibrated budget, from the model's own logits."""
    trainer = make(TrustRegionGRPOTrainer, tmp_path, region=cppo.calibrated_cppo(
        delta=0.15, delta_b=0.02, divergence=cppo.top_k_tv), args={
            "max_steps": 40, "per_device_train_batch_size": 32, "num_generations": 8, "learning_rate": 1e-2,
            "loss_type": "dapo"})
    trainer.train()
    reward = logs(trainer, "reward")
    assert sum(reward[-5:]) / 5 > sum(reward[:5]) / 5 + 0.15, reward
    assert max(logs(trainer, "clip_ratio/region_mean")) > 0.0 and max(logs(trainer, "cppo/mean_divergence")) > 0.0
    assert all(math.isfinite(x) for x in logs(trainer, "loss"))


@pytest.mark.parametrize("args", [{}, {"num_iterations": 1, "temperature": 0.7},
                                  {"gradient_accumulation_steps": 2, "steps_per_generation": 4}], ids=str)
def test_a_top_k_region_that_masks_nothing_trains_what_a_binary_one_does(tmp_path, args):
    """log π from logits is log π of TRL's own head."""
    def trained(divergence):
        region = cppo.trust_region(divergence=divergence, weight=cppo.uniform_weight, mask=cppo.keep_all)
        trainer = make(TrustRegionGRPOTrainer, tmp_path, region=region, args={"loss_type": "dapo", **args})
        trainer.train()
        return trainer
    binary, lists = trained(cppo.binary_tv), trained(cppo.top_k_tv)
    assert lists.reads_lists and not binary.reads_lists
    assert largest_difference(binary.model, tiny.model()) > 1e-2
    assert largest_difference(binary.model, lists.model) < 1e-4
    for name in ("reward", "entropy", "cppo/mean_ratio"):
        assert logs(lists, name) == pytest.approx(logs(binary, name), rel=1e-3, abs=1e-4), name
    pairs = list(zip(logs(lists, "cppo/mean_divergence"), logs(binary, "cppo/mean_divergence"), strict=True))
    assert all(top >= one - 1e-6 for top, one in pairs) and (max(pairs)[0] > max(pairs)[1] or max(pairs)[0] == 0.0)


def test_a_top_k_divergence_needs_lists_of_mu(tmp_path, monkeypatch):
    region = cppo.fixed_cppo(divergence=cppo.top_k_tv)
    with pytest.raises(ValueError, match="keeps the sampled one alone; take a Binary divergence"):
        make(TrustRegionGRPOTrainer, tmp_path, args={"loss_type": "dapo"}, region=region,
             rollout_func=lambda *_: {})
    with pytest.raises(ValueError, match="set cast_lm_head_to_fp32=False"):
        make(TrustRegionGRPOTrainer, tmp_path, args={"loss_type": "dapo", "cast_lm_head_to_fp32": True},
             region=region)
    with pytest.raises(ValueError, match="listed_ids is 0"):
        make(TrustRegionGRPOTrainer, tmp_path, args={"loss_type": "dapo"}, region=region, listed_ids=0)
    trainer = make(TrustRegionGRPOTrainer, tmp_path, args={"loss_type": "dapo"}, region=region)
    with pytest.raises(ValueError, match="the logits of text models"):
        trainer._logits(trainer.model, {"pixel_values": torch.zeros(1)})


@pytest.mark.parametrize("args, sentence", [
    ({"top_p": 0.9}, "GRPOConfig's top_p is 0.9.*set GRPOConfig's top_p to 1.0"),
    ({"top_k": 50}, "top_k to 0"), ({"min_p": 0.05}, "min_p to 0.0"),
    ({"repetition_penalty": 1.1}, "repetition_penalty to 1.0"),
    ({"generation_kwargs": {"top_p": 0.8}}, "top_p is 0.8"),
    ({"beta": 0.04}, "beta=0.04 is a part of TRL's own loss.*set beta=0.0"),
    ({"importance_sampling_level": "sequence"}, "set importance_sampling_level='token'"),
    ({"loss_type": "cispo"}, "loss_type cispo is a rule of its own.*set it to grpo, bnpo, dr_grpo, dapo")])
def test_a_configuration_is_checked(tmp_path, args, sentence):
    model = tiny.model()
    model.save_pretrained(tmp_path)
    model.config._name_or_path = str(tmp_path)  # a reference model is read from there
    with pytest.raises(ValueError, match=sentence):
        make(TrustRegionGRPOTrainer, tmp_path, model, {"loss_type": "dapo", **args}, region=cppo.fixed_cppo())


def test_vllm_s_log_probs_are_the_anchor(tmp_path, monkeypatch):
    """vLLM needs a GPU: its settings and its log-probs are put in by hand."""
    trainer = make(TrustRegionGRPOTrainer, tmp_path, args={"loss_type": "dapo"}, region=cppo.unrestricted())
    pi = torch.full((2, 3), -1.0)
    assert trainer._rollout_log_prob({}, pi).equal(pi)  # the trainer has sampled, one update for each batch
    assert trainer._rollout_log_prob({"old_per_token_logps": pi - 1}, pi).equal(pi - 1)
    monkeypatch.setattr(trainer, "use_vllm", True)
    given = {"old_per_token_logps": pi - 1, "sampling_per_token_logps": pi - 2}
    assert trainer._rollout_log_prob(given, pi).equal(pi - 2)
    with pytest.raises(ValueError, match="gave no log-probs.*return logprobs"):
        trainer._rollout_log_prob({"old_per_token_logps": pi}, pi)
    monkeypatch.setattr(trl.GRPOTrainer, "__init__", lambda self, args: vars(self).update(vars(trainer), args=args))
    monkeypatch.setattr(trainer, "vllm_importance_sampling_correction", True)
    with pytest.raises(ValueError, match="count twice; set vllm_importance_sampling_correction=False"):
        TrustRegionGRPOTrainer(args=trainer.args, region=cppo.fixed_cppo())
    monkeypatch.setattr(trainer, "vllm_importance_sampling_correction", False)
    client = types.SimpleNamespace(get_server_info=lambda: {"model_config": {"logprobs_mode": "raw_logprobs"}})
    monkeypatch.setattr(trainer, "vllm_generation", types.SimpleNamespace(vllm_client=client), raising=False)
    assert TrustRegionGRPOTrainer(args=trainer.args, region=cppo.fixed_cppo()).vllm_mode == "colocate"
    monkeypatch.setattr(trainer, "vllm_mode", "server")
    with pytest.raises(ValueError, match="raw_logprobs.*--logprobs-mode processed_logprobs"):
        TrustRegionGRPOTrainer(args=trainer.args, region=cppo.fixed_cppo())


def test_tokens_that_vllm_could_not_score_are_left_out(tmp_path):
    trainer = make(TrustRegionGRPOTrainer, tmp_path, args={"loss_type": "dapo"}, region=cppo.unrestricted())
    width = 5
    ones, ids = torch.ones(2, width, dtype=torch.long), torch.randint(3, 60, (2, width))
    mu = torch.full((2, width), -4.0)
    mu[1] = float("nan")
    inputs = {"prompt_ids": ids, "prompt_mask": ones, "completion_ids": ids, "completion_mask": ones,
              "advantages": torch.tensor([1.0, 1.0]), "num_items_in_batch": torch.tensor(2 * width),
              "sampling_per_token_logps": mu}
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.train()
    both = trainer._compute_loss(trainer.model, inputs)
    inputs["sampling_per_token_logps"] = torch.full((2, width), -4.0)
    inputs["completion_mask"] = ones * torch.tensor([[1], [0]])
    alone = trainer._compute_loss(trainer.model, inputs)
    assert both.isfinite() and both.item() != 0.0
    assert both.item() == pytest.approx(alone.item(), rel=1e-5)  # the row without log-probs adds nothing


if __name__ == "__main__":
    compare_here(*sys.argv[1:])
