"""JAX: the same numbers as the library under jit, grad and vmap."""

from __future__ import annotations

import shutil

import cppo
import numpy as np
import pytest
from conftest import make_batch

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="there is no compiler")

REGION = cppo.fixed_cppo(delta=0.1, delta_b=0.02)
NAMES = ("log_prob", "rollout_log_prob", "advantage", "response_mask")


def arrays(batch):
    return [jax.numpy.asarray(x) for x in batch]


def step(log_p, *rest, region=REGION, **options):
    return cppo.policy_loss(log_p, *rest, region=region, **options)


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("jit", [False, True])
def test_loss_gradient_and_report_are_those_of_the_library(small, kind, jit):
    batch = [x.astype(jax.numpy.dtype(kind)) for x in small[:3]] + [small[3]]
    wide = [x.astype(np.float32) for x in batch[:3]] + [small[3]]
    graded = jax.value_and_grad(step, has_aux=True)
    (loss, report), gradient = (jax.jit(graded) if jit else graded)(*arrays(batch))
    expected, its_report, out = cppo.policy_loss(*wide, region=REGION, outputs=("gradient",))
    assert loss == np.float32(expected) and report == its_report and report.kept == its_report.kept
    assert gradient.dtype == kind and np.array_equal(gradient, out.gradient.astype(gradient.dtype))


def test_double(small):
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        batch = [x.astype(np.float64) for x in small[:3]] + [small[3]]
        loss, _, out = step(*arrays(batch), outputs=("mask", "gradient", "decision"))
        expected, _, theirs = cppo.policy_loss(*batch, region=REGION, outputs=("mask", "gradient", "decision"))
        assert loss == expected and loss.dtype == np.float64
        for name in ("mask", "gradient", "decision"):
            assert np.array_equal(getattr(out, name), getattr(theirs, name)), name


def test_thresholds_that_change_compile_nothing_anew(small):
    compiled = jax.jit(lambda region, *batch: step(*batch, region=region))
    for delta in (0.05, 0.1, 0.2):
        region = cppo.fixed_cppo(delta=delta)
        loss, report = compiled(region, *arrays(small))
        expected, its_report = cppo.policy_loss(*small, region=region)
        assert loss == np.float32(expected) and report == its_report
    assert compiled._cache_size() == 1
    assert jax.tree.map(lambda x: x, REGION) == REGION


def test_options_and_layouts(small):
    log_p, log_q, advantage, valid = small
    lengths = valid.sum(1)
    packed = [x[valid] for x in small[:3]]
    cu_seqlens = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    loss, report = step(*arrays(packed), cu_seqlens=jax.numpy.asarray(cu_seqlens), aggregate="seq_mean_token_mean")
    expected, its_report = cppo.policy_loss(*packed, region=REGION, cu_seqlens=cu_seqlens,
                                            aggregate="seq_mean_token_mean")
    assert loss == np.float32(expected) and report == its_report
    losses, _, out = step(*arrays(small), aggregate="none", outputs=("loss", "gate"))
    assert np.array_equal(losses, out.loss) and losses.shape == log_p.shape
    scaled, report = jax.jit(lambda *b, n: step(*b, normalizer=n))(*arrays(small), n=64.0)
    assert scaled == pytest.approx(cppo.policy_loss(*small, region=REGION, normalizer=64.0)[0], rel=1e-6)
    assert report.normalizer == 64.0
    ids, lists = np.zeros((5, 23), np.int32), np.stack([log_q, log_q], -1)
    top_k = cppo.TopK(np.tile(np.array([0, -1], np.int32), (5, 23, 1)), lists, lists)
    region = cppo.fixed_cppo(divergence=cppo.top_k_tv)
    loss, _ = step(*arrays(small), region=region, token_id=ids, top_k=top_k)
    assert loss == np.float32(cppo.policy_loss(*small, region=region, token_id=ids, top_k=top_k)[0])


def test_gradients_of_losses_of_tokens(small):
    weights = np.random.default_rng(0).random(small[0].shape, np.float32)
    gradient = jax.grad(lambda x, *b: (step(x, *b, aggregate="none")[0] * weights).sum())(*arrays(small))
    _, _, out = cppo.policy_loss(*small, region=REGION, aggregate="token_sum", outputs=("gradient",))
    np.testing.assert_allclose(gradient, out.gradient * weights, rtol=1e-6)


def test_vmap(small):
    other = make_batch(5, 23, seed=9)
    both = [np.stack(x) for x in zip(small, other)]
    losses, report = jax.vmap(step)(*arrays(both))
    expected = [cppo.policy_loss(*b, region=REGION) for b in (small, other)]
    assert [float(x) for x in losses] == [np.float32(e[0]) for e in expected]
    assert report == expected[0][1] + expected[1][1]
    gradients = jax.vmap(jax.grad(lambda *b: step(*b)[0]))(*arrays(both))
    single = jax.grad(lambda *b: step(*b)[0])
    assert np.array_equal(gradients, np.stack([single(*arrays(b)) for b in (small, other)]))


@pytest.mark.parametrize("jit", [False, True])
def test_parts_of_ones_own(small, twin, jit):
    """Their numbers are traced as those of others, and the regions of one text are compiled once."""
    graded = jax.value_and_grad(lambda log_p, region, *rest: step(log_p, *rest, region=region), has_aux=True)
    compiled = jax.jit(graded) if jit else graded
    log_p, *rest = arrays(small)
    for delta in (0.02, 0.1):
        (loss, report), gradient = compiled(log_p, twin(delta, 0.005), *rest)
        expected, its_report, out = cppo.policy_loss(*small, region=cppo.calibrated_cppo(delta, 0.005),
                                                     outputs=("gradient",))
        assert loss == np.float32(expected) and report == its_report and 0 < report.masked
        assert np.array_equal(gradient, out.gradient)
    if jit:
        assert compiled._cache_size() == 1
    other = make_batch(5, 23, seed=9)
    both = [np.stack(x) for x in zip(small, other)]
    losses, _ = jax.vmap(lambda *b: step(*b, region=twin(0.02, 0.005)))(*arrays(both))
    assert [float(x) for x in losses] == [
        np.float32(cppo.policy_loss(*b, region=twin(0.02, 0.005))[0]) for b in (small, other)]
    with pytest.raises(Exception, match=r"within\(delta\) is 0, but must be positive"):
        jax.block_until_ready(jax.jit(lambda region, *b: step(
            *b, region=jax.tree.map(lambda words: words.at[2:4].set(0), region)))(twin(0.02, 0.005), *arrays(small))[0])


def test_what_is_wrong_is_said(small):
    bad = [np.full((2, 4), -0.5, np.float32), np.full((2, 4), -0.5, np.float32), np.ones((2, 4), np.float32)]
    bad[0][1, 2] = np.nan
    with pytest.raises(Exception, match="log_prob at response 1, token 2 is nan"):
        jax.block_until_ready(step(*arrays(bad))[0])
    with pytest.raises(cppo.Error, match="aggregate must be one of"):
        step(*arrays(small), aggregate="mean")
    for name in ("carries", "totals", "folds"):
        with pytest.raises(cppo.Error, match=f"^{name} are not taken with JAX's arrays") as e:
            step(*arrays(small), **{name: np.zeros((5, 8), np.int64)})
        assert e.value.argument == name
    with pytest.raises(Exception, match="cannot be differentiated"):
        jax.hessian(lambda x: step(x, *arrays(small)[1:])[0])(arrays(small)[0])
