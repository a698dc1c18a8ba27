"""Rules of the whole batch over micro-batches: every cut and every order give the bits of one batch."""

from __future__ import annotations

import itertools

import cppo
import numpy as np
import pytest
from conftest import make_batch
from cppo import folds
from cppo import rules as r

OUTPUTS = ("gradient", "mask", "loss")
RULES = {"vmpo": r.vmpo(), "m2po": r.m2po(budget=0.05), "m2po_mask": r.m2po_mask(),
         "clip_cov": r.clip_cov(7, share=0.2, low=0.1), "kl_cov": r.kl_cov(share=0.2), "entropy_top": r.entropy_top()}


def cuts(n):
    """Every way to cut n responses into micro-batches, as lists of responses."""
    if n == 0:
        return [[]]
    found = []
    for parts in cuts(n - 1):
        found += [[*parts[:k], [*parts[k], n - 1], *parts[k + 1:]] for k in range(len(parts))] + [[*parts, [n - 1]]]
    return found


def rows(batch, lent, which):
    return [x[which] for x in batch], {name: x[which] for name, x in lent.items()}


def same(out, whole, which):
    return all(getattr(out, n).tobytes() == getattr(whole, n)[which].tobytes() for n in OUTPUTS)


@pytest.fixture(params=[np.float32, np.float64], ids=str)
def batch(request):
    log_p, log_q, advantage, valid = make_batch(4, 23, seed=11, dtype=request.param)
    assert valid.any(1).sum() >= 3
    return log_p, log_q, advantage, valid


@pytest.mark.parametrize("region", RULES.values(), ids=RULES)
def test_every_cut_has_the_bits_of_the_whole(batch, region):
    lent = {"entropy": np.abs(batch[1])}
    call = {"region": region, "normalizer": float(batch[3].sum()), "outputs": OUTPUTS}
    _, whole_report, whole = cppo.policy_loss(*batch, **lent, **call)
    alone = 0
    for cut in cuts(4):
        parts = [rows(batch, lent, which) for which in cut]
        states = cppo.fold_states([cppo.MicroBatch(*b, region=region, **more) for b, more in parts])
        reports = []
        for which, (b, more) in zip(cut, parts):
            _, report, out = cppo.policy_loss(*b, **more, **call, folds=states)
            assert same(out, whole, which), (cut, which)
            assert same(cppo.policy_loss(*b, **more, **call, folds=states, executor="seq")[2], whole, which)
            reports.append(report)
            alone += not same(cppo.policy_loss(*b, **more, **call)[2], whole, which)
        both = cppo.total(reports)
        assert (both.tokens, both.kept) == (whole_report.tokens, whole_report.kept)
        assert both.loss == pytest.approx(whole_report.loss, rel=1e-5, abs=1e-7)
    assert alone > 0  # without the states a micro-batch is a batch of its own


def test_every_order_has_the_bits_of_the_whole(batch):
    region = r.objective(r.entropy_top(), r.score_form(r.batch(r.deviation(r.log_ratio))))
    parts = [cppo.MicroBatch(*(x[b:b + 1] for x in batch), region=region, entropy=np.abs(batch[1][b:b + 1]))
             for b in range(4)]
    found = {cppo.fold_states(order).tobytes() for order in itertools.permutations(parts)}
    known = np.zeros(0, np.int64)
    for _ in range(parts[0].exchanges):
        a, b, c, d = (p.sum_folds(known) for p in parts)
        nothing = np.zeros_like(a)
        known = np.concatenate([known, cppo.add_folds(cppo.add_folds(d, cppo.add_folds(nothing, b)),
                                                      cppo.add_folds(c, a))])
    assert found == {known.tobytes()}
    one = cppo.fold_states([cppo.MicroBatch(*batch, region=region, entropy=np.abs(batch[1]))])
    assert found == {one.tobytes()}


def test_layouts_and_parts_without_a_response(batch):
    region = r.vmpo()
    valid = batch[3]
    packed = [x[2:][valid[2:]] for x in batch[:3]]
    cu_seqlens = np.concatenate([[0], np.cumsum(valid[2:].sum(1))])
    states = cppo.fold_states([cppo.MicroBatch(*(x[:0] for x in batch), region=region),
                               cppo.MicroBatch(*packed, region=region, cu_seqlens=cu_seqlens),
                               cppo.MicroBatch(*(x[:2] for x in batch), region=region)])
    call = {"region": region, "normalizer": 3.0, "outputs": OUTPUTS}
    whole = cppo.policy_loss(*batch, **call)[2]
    out = cppo.policy_loss(*packed, cu_seqlens=cu_seqlens, folds=states, **call)[2]
    assert out.gradient.tobytes() == whole.gradient[2:][valid[2:]].tobytes()
    assert same(cppo.policy_loss(*(x[:2] for x in batch), folds=states, **call)[2], whole, slice(0, 2))
    assert cppo.policy_loss(*(x[:0] for x in batch), folds=states, **call)[1].tokens == 0


@pytest.mark.parametrize("lent", ["array", "tensor"])
@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_in_pytorch(batch, compiled, lent):
    torch = pytest.importorskip("torch")
    tensors = [torch.from_numpy(x) for x in batch]
    region = r.kl_cov(share=0.2)
    whole = cppo.policy_loss(*batch, region=region, aggregate="token_sum", outputs=("gradient",))[2].gradient
    states = cppo.fold_states([cppo.MicroBatch(*(x[k:k + 2] for x in tensors), region=region) for k in (0, 2)])

    folds = states if lent == "array" else torch.from_numpy(states)

    def loss_of(log_prob, *rest):
        return cppo.policy_loss(log_prob, *rest, region=region, aggregate="token_sum", folds=folds)[0]
    step = torch.compile(loss_of, fullgraph=True, backend="eager") if compiled else loss_of
    for k in (0, 2):
        x = tensors[0][k:k + 2].clone().requires_grad_()
        step(x, *(y[k:k + 2] for y in tensors[1:])).backward()
        valid = batch[3][k:k + 2]
        np.testing.assert_array_equal(x.grad.numpy()[valid], whole[k:k + 2][valid])


def test_regions_without_folds_of_the_batch_share_nothing(batch):
    for region in (cppo.fixed_cppo(), r.gspo()):
        part = cppo.MicroBatch(*batch, region=region)
        assert part.exchanges == 0 and cppo.fold_states([part]) is None
        assert cppo.policy_loss(*batch, region=region, folds=None)[1].tokens == batch[3].sum()
        with pytest.raises(cppo.Error, match="has no fold that looks beyond its response"):
            part.sum_folds(np.zeros(0, np.int64))
        with pytest.raises(cppo.Error, match="has no fold that looks beyond its response"):
            cppo.policy_loss(*batch, region=region, folds=np.zeros(5, np.int64))


def test_what_is_wrong_is_said(batch):
    region = r.vmpo()
    part = cppo.MicroBatch(*batch, region=region)
    states = cppo.fold_states([part])
    other = cppo.MicroBatch(*(x.astype(np.float32 if x.dtype == np.float64 else np.float64) for x in batch[:3]),
                            batch[3], region=region)
    for wrong, message in (([], "needs a micro-batch"), ([part, other], "compute in double"),
                           ([part, cppo.MicroBatch(*batch, region=r.m2po())], "different regions")):
        with pytest.raises(cppo.Error, match=message):
            cppo.fold_states(wrong)
    with pytest.raises(cppo.Error, match="folds must be what fold_states returns"):
        cppo.policy_loss(*batch, region=region, folds=[[1, 2]])
    with pytest.raises(cppo.Error, match=r"options->fold_words is \d+, but must be \d+") as e:
        cppo.policy_loss(*batch, region=region, folds=states[:-1])
    assert e.value.argument == "folds"
    with pytest.raises(cppo.Error, match="known_words is 5") as e:
        part.sum_folds(states[:5])
    assert e.value.argument == "known"
    with pytest.raises(cppo.Error, match="are added to others of their shape") as e:
        cppo.add_folds(states, states[:-1])
    assert e.value.argument == "folds"
    damaged = states.copy()
    damaged[1] += 1
    with pytest.raises(cppo.Error) as e:
        cppo.policy_loss(*batch, region=region, folds=damaged)
    assert (e.value.code, e.value.argument) == (cppo.StatusCode.states_mismatch, "folds")
    assert cppo.add_folds(damaged, states)[0] == -1
    with pytest.raises(cppo.Error, match="options->folds are of whole responses"):
        cppo.policy_loss(*batch, region=r.objective(r.score_form(r.batch(r.mean(r.ratio)))), folds=states,
                         totals=np.zeros((4, 8), np.int64))
    for wrong in (states.astype(float), states.astype(np.float32)):
        with pytest.raises(cppo.Error, match="folds have dtype float.*must be whole numbers"):
            cppo.policy_loss(*batch, region=region, folds=wrong)
        with pytest.raises(cppo.Error, match="folds have dtype float"):
            cppo.add_folds(states, wrong)
        with pytest.raises(cppo.Error, match="known have dtype float"):
            part.sum_folds(wrong)
    with pytest.raises(cppo.Error, match="carries have dtype float64"):
        cppo.policy_loss(*batch, region=cppo.ppo(), carries=np.zeros((4, 8)))
    with pytest.raises(cppo.Error, match="states of folds do not belong together") as e:
        folds.added_folds([damaged, states])
    assert e.value.argument == "folds"
    torch = pytest.importorskip("torch")
    tensors = [torch.from_numpy(x) for x in batch]
    with pytest.raises(cppo.Error, match="folds must be what fold_states returns"):
        cppo.policy_loss(*tensors, region=region, folds=torch.zeros(3))
    with pytest.raises(cppo.Error, match="folds are read by the library alone") as e:
        cppo.policy_loss(*tensors, region=cppo.ppo(), folds=states, executor="torch")
    assert e.value.argument == "folds"
