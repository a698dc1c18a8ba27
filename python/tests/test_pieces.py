"""A response in pieces has the mask and the gradient of the whole, to the bit."""

from __future__ import annotations

import cppo
import numpy as np
import pytest
from conftest import make_batch
from hypothesis import given, settings
from hypothesis import strategies as st

REGIONS = [cppo.fixed_cppo(delta=0.1, delta_b=0.02), cppo.calibrated_cppo(delta=0.1, delta_b=0.01), cppo.trm_max(0.2),
           cppo.trm_mean(0.05)]
WANTED = ("gradient", "mask", "decision")


def cut(batch, pieces, seed):
    """Each response of [B, T] as `pieces` packed pieces of random lengths, all of them in random order."""
    random = np.random.default_rng(seed)
    responses, width = batch[0].shape
    spans = []
    for b in range(responses):
        ends = [0, *sorted(random.integers(0, width + 1, pieces - 1)), width]
        spans += [(b, k, slice(ends[k], ends[k + 1])) for k in range(pieces)]
    random.shuffle(spans)
    packed = [np.concatenate([x[b, s] for b, _, s in spans]) for x in batch]
    lengths = [s.stop - s.start for _, _, s in spans]
    return spans, packed, np.concatenate([[0], np.cumsum(lengths)])


@pytest.mark.parametrize("region", REGIONS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=st.integers(0, 10**6), pieces=st.integers(1, 4))
@settings(deadline=None, max_examples=15)
def test_pieces_are_the_whole(region, dtype, seed, pieces):
    batch = make_batch(3, 19, seed, dtype)
    loss, report, whole = cppo.policy_loss(*batch, region=region, outputs=WANTED)
    spans, packed, cu_seqlens = cut(batch, pieces, seed)
    lent = cppo.PieceBatch(*packed, region=region, cu_seqlens=cu_seqlens)
    plan = cppo.plan_pieces(lent, [b for b, _, _ in spans], [k for _, k, _ in spans])
    found, added, out = cppo.policy_loss(*packed, region=region, cu_seqlens=cu_seqlens, carries=plan.carries,
                                         totals=plan.totals, outputs=WANTED)
    assert found == pytest.approx(loss, rel=2e-6) and (added.kept, added.responses) == (report.kept, report.responses)
    for i, (b, _, s) in enumerate(spans):
        at = slice(cu_seqlens[i], cu_seqlens[i + 1])
        for name in WANTED:
            assert getattr(out, name)[at].tobytes() == getattr(whole, name)[b, s].tobytes(), name


def test_sums_are_added_without_changing_their_parts():
    batch = make_batch(4, 9)
    lent = cppo.PieceBatch(*batch, region=REGIONS[0])
    totals, _ = lent.summarize()
    before = totals.copy()
    both = cppo.add_totals(totals[0], totals[1])
    assert both[0] == totals[0, 0] + totals[1, 0] and np.array_equal(totals, before)
    assert np.array_equal(cppo.add_totals(totals, totals)[:, 0], 2 * totals[:, 0])
    assert totals[:, 0].tolist() == batch[3].sum(1).tolist()
    with pytest.raises(cppo.Error, match="shape"):
        cppo.add_carries(totals, totals[0])


def test_pieces_that_are_numbered_wrongly():
    lent = cppo.PieceBatch(*make_batch(3, 9), region=REGIONS[0])
    with pytest.raises(cppo.Error, match="two pieces of response 7 the place 1"):
        cppo.plan_pieces(lent, [7, 7, 0], [1, 1, 0])
    with pytest.raises(cppo.Error, match="3 entries"):
        cppo.plan_pieces(lent, [0, 0], [0, 1])
    totals, divergences = cppo.PieceBatch(*make_batch(3, 9), region=REGIONS[1]).summarize()
    with pytest.raises(cppo.Error, match="divergences"):
        cppo.resolve_totals(REGIONS[1], totals[0], np.concatenate([divergences[0], np.zeros(1, np.float32)]))


def test_offsets_that_are_wrong_are_the_librarys_to_name():
    """Room is made for no more than the batch has."""
    batch = [x.reshape(-1) for x in make_batch(1, 12, seed=1, holes=False)]
    for cuts in ([0, 2**60], [0, 2**62, 12], [0, -1], [0, 8, 4]):
        pieces = cppo.PieceBatch(*batch, region=cppo.calibrated_cppo(), cu_seqlens=np.array(cuts))
        with pytest.raises(cppo.Error) as e:
            pieces.summarize()
        assert e.value.code in (cppo.StatusCode.bad_offsets, cppo.StatusCode.extent_mismatch), e.value
