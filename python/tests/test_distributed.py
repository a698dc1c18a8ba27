"""Responses cut over ranks, means over all ranks: what is written is what one process writes."""

from __future__ import annotations

import cppo
import numpy as np
import pytest
from conftest import make_batch
from ranks import Ranks

torch = pytest.importorskip("torch")
dist = pytest.importorskip("torch.distributed")
if not (dist.is_available() and dist.is_gloo_available()):
    pytest.skip("this PyTorch has no gloo", allow_module_level=True)
from cppo import distributed  # noqa: E402

REGIONS = [cppo.fixed_cppo(delta=0.1, delta_b=0.02), cppo.calibrated_cppo(delta=0.1, delta_b=0.01),
           cppo.calibrated_cppo(delta=0.1, delta_b=0.01, quantile=0.37, ceiling_factor=50, divergence=cppo.k1),
           cppo.trm_max(0.2), cppo.trm_mean(0.05)]
WANTED = ("mask", "decision", "prefix_drift", "threshold")
RESPONSES, WIDTH = 5, 61


@pytest.fixture(scope="module", params=[2, 4], ids=lambda n: f"{n} ranks")
def ranks(request):
    processes = Ranks(request.param)
    yield processes
    processes.stop()


def whole_batch(seed, dtype=np.float32, responses=RESPONSES, width=WIDTH):
    return [torch.from_numpy(x) for x in make_batch(responses, width, seed, dtype)]


def spans_of(kind, rank, size, seed, responses=RESPONSES, width=WIDTH):
    """This rank's pieces: (response, place, slice)."""
    if kind != "anyhow":
        return [(b, k, s) for b in range(responses) for k, s in getattr(distributed, kind)(width, size, rank)]
    random = np.random.default_rng(seed)
    spans = []
    for b in range(responses):
        ends = [0, *sorted(random.integers(0, width + 1, 6)), width]
        spans += [(b, 10 * k, slice(ends[k], ends[k + 1])) for k in range(7)]
    owners = random.integers(0, size + 1, len(spans)) % size  # rank 0 gets most
    random.shuffle(spans)
    return [span for span, owner in zip(spans, owners) if owner == rank]


def packed(batch, spans):
    """The pieces one after the other, and their offsets; no piece is a batch of none."""
    lent = [torch.cat([x[:0, 0], *(x[b, s] for b, _, s in spans)]) for x in batch]
    return lent, torch.tensor([0, *np.cumsum([s.stop - s.start for _, _, s in spans])])


def loss_of_pieces(batch, spans, **options):
    lent, cu_seqlens = packed(batch, spans)
    lent[0].requires_grad_()
    result = distributed.policy_loss(*lent, cu_seqlens=cu_seqlens, response_of=[b for b, _, _ in spans],
                                     order_of=[k for _, k, _ in spans], **options)
    if result[0].requires_grad:
        result[0].sum().backward()
    return lent, cu_seqlens, result


def pieces_of(rank, size, kind, region, dtype, seed, gather_below):
    """What a rank writes for its pieces beside what the uncut batch has there: pairs of bytes."""
    batch, spans = whole_batch(seed, dtype), spans_of(kind, rank, size, seed)
    lent, cu_seqlens, (loss, report, out) = loss_of_pieces(batch, spans, region=region, gather_below=gather_below,
                                                           outputs=WANTED)
    batch[0].requires_grad_()
    all_loss, all_report, expected = cppo.policy_loss(*batch, region=region, normalizer=int(batch[3].sum()),
                                                      outputs=WANTED)
    all_loss.backward()
    for i, (b, _, s) in enumerate(spans):
        at = slice(int(cu_seqlens[i]), int(cu_seqlens[i + 1]))
        for name in WANTED:
            assert getattr(out, name)[at].numpy().tobytes() == getattr(expected, name)[b, s].numpy().tobytes(), name
        assert lent[0].grad[at].numpy().tobytes() == batch[0].grad[b, s].numpy().tobytes()
    assert report.loss == pytest.approx(all_report.loss, rel=1e-5)
    for name in cppo.report._FIELDS:
        if not name.startswith("sum_"):
            assert np.array_equal(getattr(report, name), getattr(all_report, name)), name
        else:
            assert getattr(report, name) == pytest.approx(getattr(all_report, name), rel=1e-5), name
    return loss.item(), all_loss.item(), report


@pytest.mark.parametrize("kind", ["contiguous", "zig_zag", "anyhow"])
@pytest.mark.parametrize("region", REGIONS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pieces_are_the_whole(ranks, kind, region, dtype):
    for seed in range(3):
        for gather_below in (10**9, 1, 30):
            found = ranks.run(pieces_of, kind, region, dtype, seed, gather_below)
            assert sum(loss for loss, _, _ in found) == pytest.approx(found[0][1], rel=1e-5)
            assert all(report == found[0][2] for _, _, report in found)


def statistics_of(rank, size, dtype, q):
    random = np.random.default_rng(7)
    sets = [random.choice([-1.5, -0.0, 0.0, 0.25, 3.0], 40), random.normal(size=1000), np.zeros(3), np.ones(1),
            random.exponential(1e-3, 500), np.array([-1000.0, 1000.0])]
    sets = [x.astype(dtype) for x in sets]
    places = np.array([distributed._place(q, len(x)) for x in sets])
    local = [x[random.integers(0, size, len(x)) == rank] if len(x) > 3 else x[rank::size] for x in sets]
    found = distributed._order_statistics(local, places, np.dtype(dtype), distributed._Link(None))
    for x, place, value, following in zip(sets, places, *found):
        x.sort()
        assert value == x[place] and following == x[min(place + 1, len(x) - 1)] or len(x) == place + 1
    return [float(x) for x in found[0]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("q", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_order_statistics_are_exact(ranks, dtype, q):
    found = ranks.run(statistics_of, dtype, q)
    assert all(values == found[0] for values in found)
