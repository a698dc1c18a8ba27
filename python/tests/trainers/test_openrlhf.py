"""OpenRLHF's own `PolicyLoss` beside ours. Its packages' `__init__` want flash_attn and vLLM, and are stepped over."""

from __future__ import annotations

import argparse
import sys
import types

import cppo
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("deepspeed", reason="deepspeed is not installed: ./run test-trainers installs it")

from batches import loss_and_gradient, random_batch, step_over  # noqa: E402

step_over("openrlhf", "openrlhf.models")

from cppo.integrations import openrlhf as integration  # noqa: E402
from openrlhf.models.loss import PolicyLoss  # noqa: E402

ARGUMENTS = {"clip_eps_low": 0.2, "clip_eps_high": 0.2, "dual_clip": None, "policy_loss_type": "ppo",
             "is_correction_mode": "mask", "is_correction_gating": "ratio", "is_correction_threshold": [0.5, 5.0]}
"""What the actor's trainer gives its loss."""


def ours(region=cppo.ppo(epsilon=0.2), options=None, level="token", **arguments):
    return integration.TrustRegionLoss(region, options or {}, **{**ARGUMENTS, **arguments}, is_correction_level=level)


@pytest.mark.parametrize("batch_info", [{}, {"dp_size": 4, "batch_num_tokens": 977.0, "global_batch_size": 31.0}])
@pytest.mark.parametrize("token_level_loss", [True, False])
def test_ppo_is_policy_loss(token_level_loss, batch_info):
    pi, mu, advantage, mask = random_batch(6, 40, seed=1)
    theirs = PolicyLoss(**ARGUMENTS, token_level_loss=token_level_loss)
    _, gradient, (clip, kl, *_) = loss_and_gradient(pi, lambda: theirs(pi, mu, advantage, mask, None, **batch_info))
    _, mine, (my_clip, my_kl, *none) = loss_and_gradient(pi, lambda: ours(token_level_loss=token_level_loss)(
        pi, mu + 1.0, advantage, mask, mu, **batch_info))  # old_log_probs are not read
    largest = (mine - gradient).abs().max().item()
    print("largest difference of gradients:", largest, "of", gradient.abs().max().item())
    assert largest <= 1e-6 * gradient.abs().max().item()
    assert my_clip.item() == pytest.approx(clip.item()) and my_kl.item() == pytest.approx(kl.item(), rel=1e-5)
    assert clip.item() > 0.0 and none == [None, None]


def test_unrestricted_has_its_loss_too():
    pi, mu, advantage, mask = random_batch(6, 40, seed=2)
    theirs = PolicyLoss(clip_eps_low=1.0, clip_eps_high=1000.0)
    value, *_ = loss_and_gradient(pi, lambda: theirs(pi, mu, advantage, mask))
    assert loss_and_gradient(pi, lambda: ours(cppo.unrestricted())(pi, mu, advantage, mask, mu))[0] == pytest.approx(
        value, rel=1e-5)


def test_the_actor_s_trainer_gets_it(monkeypatch):
    """`install` replaces the name that the trainer calls. The module itself needs vLLM: another stands in for it."""
    stands_in = types.ModuleType("openrlhf.trainer.ray.ppo_actor")
    for name in ("openrlhf.trainer", "openrlhf.trainer.ray"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, stands_in.__name__, stands_in)
    monkeypatch.setattr(sys.modules["openrlhf.trainer.ray"], "ppo_actor", stands_in, raising=False)
    integration.install(cppo.fixed_cppo(), ratio_cap=20.0)
    made = stands_in.PolicyLoss(**ARGUMENTS, token_level_loss=True, is_correction_level="token")
    pi, mu, advantage, mask = random_batch(3, 9)
    mu[0, 1] = float("nan")
    _, gradient, _ = loss_and_gradient(pi, lambda: made(pi, mu, advantage, mask, rollout_log_probs=mu, dp_size=1,
                                                        batch_num_tokens=20.0, global_batch_size=3.0))
    assert gradient.isfinite().all() and gradient[0, 1] == 0.0 and gradient.abs().max() > 0.0


def test_what_is_refused_says_what_to_set():
    with pytest.raises(ValueError, match="recomputed by the actor; set --algo.advantage.is_correction_level token"):
        ours(level="off")
    with pytest.raises(ValueError, match="dual_clip=3.0 is a part of OpenRLHF's own loss.*set dual_clip=None"):
        ours(dual_clip=3.0)
    with pytest.raises(ValueError, match="set policy_loss_type='ppo'"):
        ours(policy_loss_type="gspo")
    pi, mu, advantage, mask = random_batch(3, 9)
    with pytest.raises(ValueError, match="no log-probs of the engine; let the agent return them"):
        ours()(pi, mu, advantage, mask)
    arguments = argparse.Namespace(rollout=argparse.Namespace(top_p=1.0, temperature=0.7))
    integration.check(arguments)
    arguments.rollout.top_p = 0.95
    with pytest.raises(ValueError, match="--rollout.top_p is 0.95.*set --rollout.top_p to 1.0"):
        integration.check(arguments)
