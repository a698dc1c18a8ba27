"""verl's own `ppo_loss`, with its rules and with ours."""

from __future__ import annotations

import functools
import os

import cppo
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("verl", reason="verl is not installed: ./run test-trainers installs it")

from batches import random_batch  # noqa: E402
from cppo.integrations import verl as integration  # noqa: E402
from hydra import compose, initialize_config_dir  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402
from tensordict import TensorDict  # noqa: E402
from verl.trainer import config as verl_config  # noqa: E402
from verl.trainer.ppo import core_algos  # noqa: E402
from verl.utils import tensordict_utils as tu  # noqa: E402
from verl.utils.config import omega_conf_to_dataclass  # noqa: E402
from verl.utils.import_utils import import_external_libs  # noqa: E402
from verl.workers.utils.losses import ppo_loss  # noqa: E402

BYPASS = ["algorithm.rollout_correction.bypass_mode=True",
          "+actor_rollout_ref.actor.policy_loss.rollout_correction=${algorithm.rollout_correction}"]
MODES = ["token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm"]


@functools.lru_cache(maxsize=None)
def composed(*overrides):
    """verl's own configuration with these overrides."""
    with initialize_config_dir(os.path.dirname(verl_config.__file__), version_base=None):
        config = compose("ppo_trainer", ["actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=8", *overrides])
    OmegaConf.resolve(config)
    return config


def actor(mode, *overrides):
    return omega_conf_to_dataclass(composed(f"actor_rollout_ref.actor.policy_loss.loss_mode={mode}",
                                            *overrides).actor_rollout_ref.actor)


def run(config, batch, dp_size=1, weights=None, known=True):
    """verl's `ppo_loss`: the loss, ∂loss/∂π of the response's slots, and the metrics as numbers."""
    pi, mu, advantage, mask = batch
    rows, width = pi.shape
    prompt = torch.ones(rows, 3, dtype=torch.long)
    x = torch.cat([torch.cat([torch.zeros(2), p[m.bool()], torch.zeros(1)]) for p, m in zip(pi.detach(), mask)])
    x.requires_grad_()
    data = TensorDict({"prompts": prompt, "responses": torch.ones(rows, width, dtype=torch.long),
                       "attention_mask": torch.cat([prompt, mask.long()], 1), "response_mask": mask.long(),
                       "old_log_probs": mu * mask, "advantages": advantage}, batch_size=rows)
    if weights is not None:
        data["rollout_is_weights"] = weights
    tu.assign_non_tensor(data, dp_size=dp_size, batch_num_tokens=int(mask.sum()) * dp_size if known else None,
                         global_batch_size=rows * dp_size if known else None)
    loss, metrics = ppo_loss(config, {"log_probs": x}, data)
    loss.backward()
    values = {name: getattr(m, "values", m) for name, m in metrics.items()}
    return loss.item(), x.grad, {n: float(v[0] if isinstance(v, list) else v) for n, v in values.items()}


def equal(a, b):
    assert a[0] == pytest.approx(b[0], rel=1e-5, abs=1e-7)
    largest = (a[1] - b[1]).abs().max().item()
    print("largest difference of gradients:", largest, "of", b[1].abs().max().item())
    assert largest <= 1e-6 * b[1].abs().max().item()
    for name in ("actor/pg_clipfrac", "actor/ppo_kl"):
        assert a[2][name] == pytest.approx(b[2][name], rel=1e-5, abs=1e-7), name


def test_dppo_is_verl_s_dppo_tv():
    """verl's Binary-TV mask with a cut ratio and the gradient through log π."""
    clip = ["actor_rollout_ref.actor.clip_ratio_low=0.05", "actor_rollout_ref.actor.clip_ratio_high=0.08",
            "actor_rollout_ref.actor.clip_ratio_c=1.3"]
    integration.register("dppo", cppo.dppo(delta_low=0.05, delta_high=0.08), surrogate="reinforce", ratio_cap=1.3)
    batch = random_batch(6, 40)
    theirs, ours = run(actor("dppo_tv", *clip), batch), run(actor("dppo", *BYPASS), batch)
    equal(ours, theirs)
    assert 0.0 < theirs[2]["actor/pg_clipfrac"] < 1.0 and theirs[2]["actor/pg_clipfrac_lower"] > 0.0


@pytest.mark.parametrize("dp_size, known", [(1, False), (1, True), (4, True)])
@pytest.mark.parametrize("mode", MODES)
def test_ppo_has_the_gradient_of_verl_s_vanilla_loss(mode, dp_size, known):
    """A masked token adds nothing, a clipped one a constant: the losses differ, the gradients do not."""
    integration.register("ppo", cppo.ppo(epsilon=0.2))
    of = ["actor_rollout_ref.actor.clip_ratio_c=1000.0", f"actor_rollout_ref.actor.loss_agg_mode={mode}",
          f"actor_rollout_ref.actor.loss_scale_factor={7 if known else 'null'}"]
    batch = random_batch(5, 33, seed=2)
    theirs = run(actor("vanilla", *of), batch, dp_size, known=known)  # 1000: no second clip
    ours = run(actor("ppo", *of, *BYPASS), batch, dp_size, known=known)
    equal((theirs[0], *ours[1:]), theirs)
    assert theirs[2]["actor/pg_clipfrac"] > 0.0


def test_tokens_without_a_rollout_log_prob_are_left_out():
    integration.register("left_out", cppo.unrestricted())
    batch = random_batch(4, 20, seed=3)
    batch[1][0, 4] = float("nan")
    loss, gradient, metrics = run(actor("left_out", *BYPASS), batch)
    assert gradient.isfinite().all() and gradient[2 + 4] == 0.0 and gradient[2 + 5] != 0.0
    assert metrics["actor/pg_clipfrac"] == 0.0


def test_a_recomputed_anchor_takes_the_weights():
    batch = random_batch(4, 20, seed=4)
    weights = torch.rand_like(batch[1]) + 0.5
    integration.register("around_old", cppo.ppo(), recomputed=True)
    theirs = run(actor("vanilla", "actor_rollout_ref.actor.clip_ratio_c=1000.0"), batch, weights=weights)
    ours = run(actor("around_old"), batch, weights=weights)
    equal((theirs[0], *ours[1:]), theirs)


def test_what_is_refused_says_what_to_set():
    integration.register("cppo", cppo.fixed_cppo())
    batch = random_batch(3, 10)
    with pytest.raises(ValueError, match="recomputed by the trainer.*bypass_mode=True"):
        run(actor("cppo"), batch)
    with pytest.raises(ValueError, match="count μ twice; set rollout_is=null"):
        run(actor("cppo", *BYPASS), batch, weights=torch.ones_like(batch[1]))
    for name, value in (("rollout_is", "token"), ("rollout_rs", "token_k1")):
        with pytest.raises(ValueError, match=f"{name} would count.*set algorithm.rollout_correction.{name}=null"):
            run(actor("cppo", *BYPASS, f"algorithm.rollout_correction.{name}={value}"), batch)
    with pytest.raises(ValueError, match="overwritten loss_mode by 'bypass_mode'.*register"):
        run(actor("bypass_mode", *BYPASS), batch)
    integration.register("bypass_mode", cppo.fixed_cppo())
    assert run(actor("bypass_mode", *BYPASS), batch) is not None


@pytest.mark.parametrize("override, sentence", [
    ("top_p=0.9", "rollout.top_p is 0.9.*set actor_rollout_ref.rollout.top_p to 1.0"),
    ("top_k=50", "rollout.top_k to 0"), ("calculate_log_probs=False", "set .*calculate_log_probs=True"),
    ("logprobs_mode=raw_logprobs", "logprobs_mode=processed_logprobs")])
def test_a_configuration_is_checked(override, sentence):
    integration.check(composed(*BYPASS))
    with pytest.raises(ValueError, match=sentence):
        integration.check(composed(*BYPASS, f"actor_rollout_ref.rollout.{override}"))
    with pytest.raises(ValueError, match="bypass_mode=True"):
        integration.check(composed())


def test_a_module_of_the_user_s_registers_in_each_worker(tmp_path, monkeypatch):
    """As `actor_rollout_ref.model.external_lib` does."""
    (tmp_path / "my_region.py").write_text("import cppo\nfrom cppo.integrations.verl import register\n"
                                           "register('mine', cppo.fixed_cppo(delta=0.1))\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import_external_libs("my_region")
    assert "mine" in core_algos.POLICY_LOSS_REGISTRY
    assert run(actor("mine", *BYPASS), random_batch(3, 10))[2]["actor/pg_clipfrac"] >= 0.0
