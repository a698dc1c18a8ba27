"""The recipes with stand-ins for their trainers: that they run and compute the rule, not that a trainer runs them."""

from __future__ import annotations

import dataclasses
import importlib.util
import pathlib
import sys
import types

import cppo
import pytest

torch = pytest.importorskip("torch")

from batches import loss_and_gradient, random_batch  # noqa: E402

RECIPES = pathlib.Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture
def recipe(monkeypatch):
    """Loads a recipe where these modules stand in for its trainer's: {"a.b": {"name": value}}."""
    def load(name, **stand_ins):
        for path, values in stand_ins.items():
            parts = path.split("__")
            for i in range(1, len(parts) + 1):
                module = ".".join(parts[:i])
                if module not in sys.modules:
                    monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
                if i > 1:
                    monkeypatch.setattr(sys.modules[".".join(parts[:i - 1])], parts[i - 1], sys.modules[module],
                                        raising=False)
            vars(sys.modules[".".join(parts)]).update(values)
        spec = importlib.util.spec_from_file_location(f"recipe_{name}", RECIPES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    return load


def wanted(batch, divisor=None):
    """The gradient of the call itself."""
    pi, mu, advantage, mask = batch
    return loss_and_gradient(pi, lambda: cppo.policy_loss(
        pi, mu, advantage, mask, region=cppo.fixed_cppo(),
        aggregate="token_sum" if divisor is None else "token_mean", normalizer=divisor))[:2]


def equal(got, expected):
    assert got[0] == pytest.approx(expected[0], rel=1e-5)
    assert torch.allclose(got[1], expected[1], rtol=1e-5, atol=1e-7) and expected[1].abs().max() > 0.0


def test_every_recipe_says_that_it_was_not_run():
    recipes = sorted(RECIPES.glob("*.py"))
    assert [r.stem for r in recipes] == ["areal", "nemo_rl", "prime_rl", "slime"]
    for r in recipes:
        lines = r.read_text().splitlines()
        assert len(lines) <= 40 and "NOT RUN with" in lines[0], r.name


def test_prime_rl(recipe):
    @dataclasses.dataclass
    class LossInputs:
        trainer_logprobs: object
        inference_logprobs: object
        ref_logprobs: object
        advantages: object
        loss_mask: object
        loss_weights: object = None

    outputs = dataclasses.make_dataclass("LossOutputs", ["loss", "metrics"])
    module = recipe("prime_rl", prime_rl__trainer__rl__loss={"LossInputs": LossInputs, "LossOutputs": outputs})
    pi, mu, advantage, mask = (x[0].detach() for x in random_batch(1, 30))
    pi.requires_grad_()
    inputs = LossInputs(pi, mu, None, advantage, mask.bool())

    def call():
        result = module.loss(inputs)
        return result.loss, result.metrics
    got = loss_and_gradient(pi, call)
    equal(got, wanted((pi, mu, advantage, mask)))
    assert set(got[2][0]) == {"is_masked", "is_masked_low", "is_masked_high", "mismatch_kl"}
    with pytest.raises(ValueError, match="send those of the engine"):
        module.loss(dataclasses.replace(inputs, inference_logprobs=pi.detach()))


def test_slime(recipe):
    def computed(logits, **_):
        return None, {"log_probs": list(logits.split([4, 7, 2]))}
    mpu = types.SimpleNamespace(get_context_parallel_world_size=lambda: 1)
    module = recipe("slime", slime__backends__megatron_utils__loss={"get_log_probs_and_entropy": computed},
                    megatron__core={"mpu": mpu})
    pi, mu, advantage, mask = (x[0].detach() for x in random_batch(1, 13))
    pi.requires_grad_()
    lengths = [4, 7, 2]
    batch = {"unconcat_tokens": [], "total_lengths": lengths, "response_lengths": lengths,
             "rollout_log_probs": list(mu.split(lengths)), "advantages": list(advantage.split(lengths)),
             "loss_masks": list(mask.split(lengths))}
    args = types.SimpleNamespace(rollout_top_p=1.0, rollout_top_k=-1, use_tis=False)

    def mean(x):
        return (x * mask).sum() / mask.sum()
    got = loss_and_gradient(pi, lambda: module.loss(args, batch, pi, mean))
    direct = loss_and_gradient(pi, lambda: cppo.policy_loss(
        pi, mu, advantage, mask, region=cppo.fixed_cppo(), cu_seqlens=torch.tensor([0, 4, 11, 13])))
    equal(got, direct)
    assert got[2][0]["pg_clipfrac"].item() == pytest.approx(direct[2][0].masked_fraction)
    assert got[2][0]["ppo_kl"].item() == pytest.approx(direct[2][0].kl_k1, rel=1e-5)
    for wrong, sentence in (({"rollout_top_p": 0.9}, "--rollout-top_p"), ({"use_tis": True}, "leave out --use-tis")):
        with pytest.raises(ValueError, match=sentence):
            module.loss(types.SimpleNamespace(**{**vars(args), **wrong}), batch, pi, mean)
    with pytest.raises(ValueError, match="set --use-rollout-logprobs"):
        module.loss(args, {**batch, "rollout_log_probs": None}, pi, mean)


def test_nemo_rl(recipe):
    kinds = {"LossInputType": types.SimpleNamespace(LOGPROB=1), "LossType": types.SimpleNamespace(TOKEN_LEVEL=1)}
    module = recipe("nemo_rl", nemo_rl__algorithms__loss__interfaces=kinds)
    loss = module.TrustRegionLossFn({"token_level_loss": True, "reference_policy_kl_penalty": 0.0})
    pi, mu, advantage, mask = random_batch(4, 20)

    def first(x):
        return torch.nn.functional.pad(x, (1, 0))  # the slot of the first token, which nothing predicts
    rows = torch.tensor([1.0, 1.0, 0.0, 1.0])
    data = {"generation_logprobs": first(mu), "token_mask": first(mask), "advantages": first(advantage),
            "sample_mask": rows}
    got = loss_and_gradient(pi, lambda: loss(data, torch.tensor(4.0), torch.tensor(100.0), next_token_logprobs=pi))
    equal(got, wanted((pi, mu, advantage, mask * rows[:, None]), 100.0))
    for wrong, sentence in (({"use_importance_sampling_correction": True}, "count twice"),
                            ({"reference_policy_kl_penalty": 0.01}, "set reference_policy_kl_penalty=0.0"),
                            ({"token_level_loss": False}, "token_level_loss to true")):
        with pytest.raises(ValueError, match=sentence):
            module.TrustRegionLossFn(wrong)


def test_areal(recipe):
    charted = {}
    tracker = types.SimpleNamespace(denominator=lambda **_: None, stat=lambda **values: charted.update(values))
    module = recipe("areal", areal__trainer__ppo__actor={}, areal__utils={"stats_tracker": tracker})
    module.install(cppo.fixed_cppo())
    pi, mu, advantage, mask = random_batch(4, 20)
    data = {"logprobs": mu, "advantages": advantage, "loss_mask": mask}
    called = {"eps_clip": 0.2, "eps_clip_higher": None, "c_clip": None, "behave_imp_weight_cap": 5.0,
              "use_decoupled_loss": True, "prox_logp_method": "loglinear"}
    function = sys.modules["areal.trainer.ppo.actor"].grpo_loss_fn
    got = loss_and_gradient(pi, lambda: (function(pi, torch.zeros_like(pi), data, **called),))
    equal(got, wanted((pi, mu, advantage, mask), float(mask.sum())))
    assert 0.0 <= charted["clip_ratio"].mean().item() < 1.0
    for wrong, sentence in (({"use_decoupled_loss": False}, "set actor.use_decoupled_loss=true"),
                            ({"c_clip": 3.0}, "set c_clip=None")):
        with pytest.raises(ValueError, match=sentence):
            function(pi, torch.zeros_like(pi), data, **{**called, **wrong})
