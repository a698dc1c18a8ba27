"""SkyRL's own losses beside ours, by its registry. Its backends' `__init__` want an engine, and are stepped over."""

from __future__ import annotations

import types

import cppo
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skyrl", reason="SkyRL is not installed: ./run test-trainers installs it")

from batches import loss_and_gradient, random_batch, step_over  # noqa: E402

step_over("skyrl", "skyrl.backends", "skyrl.backends.skyrl_train", "skyrl.backends.skyrl_train.utils")

from cppo.integrations import skyrl as integration  # noqa: E402
from skyrl.backends.skyrl_train.utils import ppo_utils  # noqa: E402
from skyrl.train.config import config as skyrl_config  # noqa: E402


def algorithm(**settings):
    return skyrl_config.AlgorithmConfig(**settings)


def run(name, batch, config):
    """The registered loss, as a worker calls it."""
    pi, mu, advantage, mask = batch
    loss = ppo_utils.PolicyLossRegistry.get(name)
    return loss_and_gradient(pi, lambda: loss(pi, mu + 1.0 if name.startswith("cppo") else mu, advantage,
                                              config=config, loss_mask=mask, rollout_logprobs=mu))


def equal(ours, theirs):
    largest = (ours[1] - theirs[1]).abs().max().item()
    print("largest difference of gradients:", largest, "of", theirs[1].abs().max().item())
    assert largest <= 1e-6 * theirs[1].abs().max().item()
    assert ours[2][0]["clip_ratio"] == pytest.approx(theirs[2][0]["clip_ratio"])
    assert theirs[2][0]["clip_ratio"] > 0.0


@pytest.mark.parametrize("kind, divergence", [("binary_tv", cppo.binary_tv), ("binary_kl", cppo.binary_kl)])
def test_dppo_is_skyrl_s(kind, divergence):
    """Loss, gradient and share of masked tokens. `old_log_probs` are not read."""
    integration.register(f"cppo_{kind}", cppo.dppo(delta_low=0.05, delta_high=0.08, divergence=divergence))
    batch = random_batch(6, 40, seed=1)
    config = algorithm(dppo=skyrl_config.DPPOConfig(dppo_type=kind, delta_low=0.05, delta_high=0.08))
    theirs, ours = run("dppo", batch, config), run(f"cppo_{kind}", batch, config)
    equal(ours, theirs)
    print("loss:", ours[0], "theirs:", theirs[0])
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5, abs=1e-5)


def test_ppo_has_the_gradient_of_skyrl_s():
    integration.register("cppo_ppo", cppo.ppo(epsilon=0.2))
    batch = random_batch(6, 40, seed=2)
    equal(run("cppo_ppo", batch, algorithm()), run("regular", batch, algorithm()))


def test_it_travels_to_the_workers():
    """The registry sends functions to Ray's actor by cloudpickle."""
    cloudpickle = pytest.importorskip("cloudpickle")
    integration.register("cppo_travels", cppo.fixed_cppo(delta=0.05), ratio_cap=20.0)
    there = cloudpickle.loads(cloudpickle.dumps(ppo_utils.PolicyLossRegistry.get("cppo_travels")))
    pi, mu, advantage, mask = random_batch(4, 20, seed=3)
    mu[0, 3] = float("nan")
    _, gradient, (metrics,) = loss_and_gradient(pi, lambda: there(pi, mu, advantage, algorithm(), mask, mu))
    assert gradient.isfinite().all() and gradient[0, 3] == 0.0 and metrics["cppo/mean_divergence"] > 0.0


def test_what_is_refused_says_what_to_set():
    integration.register("cppo_refuses", cppo.fixed_cppo())
    loss = ppo_utils.PolicyLossRegistry.get("cppo_refuses")
    pi, mu, advantage, mask = random_batch(3, 9)
    with pytest.raises(ValueError, match="set generator.sampling_params.logprobs=1"):
        loss(pi, mu, advantage, algorithm(), mask)
    corrected = algorithm(off_policy_correction=skyrl_config.OffPolicyCorrectionConfig(tis_ratio_type="token"))
    for config in (corrected, algorithm(use_tis=True)):
        with pytest.raises(ValueError, match="count its mismatch twice; set its tis_ratio_type"):
            loss(pi, mu, advantage, config, mask, mu)


@pytest.mark.parametrize("sampling, sentence", [
    ({"top_p": 0.9}, "generator.sampling_params.top_p is 0.9.*set generator.sampling_params.top_p to 1.0"),
    ({"top_k": 20}, "top_k to 0"), ({"min_p": 0.1}, "min_p to 0.0"),
    ({"additional_kwargs": {"presence_penalty": 0.5}}, "presence_penalty to 0.0"),
    ({"logprobs": None}, "set generator.sampling_params.logprobs=1")])
def test_a_configuration_is_checked(sampling, sentence):
    def whole(**settings):
        generator = types.SimpleNamespace(sampling_params=skyrl_config.SamplingParams(**settings))
        return types.SimpleNamespace(generator=generator, trainer=types.SimpleNamespace(algorithm=algorithm()))
    integration.check(whole())
    with pytest.raises(ValueError, match=sentence):
        integration.check(whole(**sampling))
