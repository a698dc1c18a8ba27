"""Responses cut over ranks, means over all ranks: what is written is what one process writes."""

from __future__ import annotations

import cppo
import numpy as np
import pytest
from conftest import TWINS, make_batch
from ranks import Ranks

torch = pytest.importorskip("torch")
dist = pytest.importorskip("torch.distributed")
if not (dist.is_available() and dist.is_gloo_available()):
    pytest.skip("this PyTorch has no gloo", allow_module_level=True)
from cppo import _native, distributed  # noqa: E402
from cppo import rules as r  # noqa: E402

REGIONS = [cppo.fixed_cppo(delta=0.1, delta_b=0.02), cppo.calibrated_cppo(delta=0.1, delta_b=0.01),
           cppo.calibrated_cppo(delta=0.1, delta_b=0.001, quantile=0.37, ceiling_factor=500),
           cppo.calibrated_cppo(delta=0.2, delta_b=0.001, quantile=0.8, ceiling_factor=900, divergence=cppo.k1),
           cppo.trm_max(0.2), cppo.trm_mean(0.05)]
WANTED = ("mask", "decision", "prefix_drift", "threshold")
RESPONSES, WIDTH = 5, 61


@pytest.fixture(scope="module", params=[2, 4], ids=lambda n: f"{n} ranks")
def ranks(request, cache):
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
    if "500" in str(region):  # the quantile itself is the budget
        assert 0.001 < report.min_delta_b < report.max_delta_b < 0.5
    assert report.loss == pytest.approx(all_report.loss, rel=1e-5)
    for name in cppo.report.FIELDS:
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
        for gather_below in (10**9, 1, 30) if "calibrated" in str(region) else (1,):
            found = ranks.run(pieces_of, kind, region, dtype, seed, gather_below)
            assert sum(loss for loss, _, _ in found) == pytest.approx(found[0][1], rel=1e-5)
            assert all(report == found[0][2] for _, _, report in found)


@pytest.mark.parametrize("kind", ["zig_zag", "anyhow"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pieces_under_parts_of_ones_own_are_the_whole(ranks, twin, kind, dtype):
    """A budget of one's own may ask for any quantile: D is gathered, however long the response."""
    region = twin(0.1, 0.15)
    for seed in range(2):
        found = ranks.run(pieces_of, kind, region, dtype, seed, 1)
        assert all(report == found[0][2] for _, _, report in found)
        assert 0.15 <= found[0][2].min_delta_b < found[0][2].max_delta_b
    calls = ranks.run(traffic_of, region, dtype, 1)[0]
    assert ("all_gather", np.dtype(dtype).itemsize * 4096 // len(ranks.pipes)) in calls


def test_a_library_budget_beside_a_part_of_ones_own_is_searched_for_its_quantile(ranks, cache):
    budget = cppo.calibrated_budget(0.001, quantile=0.37, ceiling_factor=500)
    region = cppo.trust_region(cppo.compile(TWINS, "tv")(), cppo.linear_weight(0.8), cppo.prefix_budget(0.1, budget))
    for seed in range(2):
        ranks.run(pieces_of, "anyhow", region, np.float32, seed, 1)


# --- Rules of the whole batch ---

WHOLE = [r.vmpo(), r.m2po(budget=0.01), r.clip_cov(), r.entropy_top(),
         r.objective(cppo.fixed_cppo(0.1, 0.02), r.score_form(r.batch(r.deviation(r.log_ratio)) + r.response(
             r.mean(r.log_ratio)))), cppo.fixed_cppo(0.1, 0.02)]


def rows_of(rank, size, seed):
    """This rank's micro-batches: rows of the batch, some of them none."""
    random = np.random.default_rng(seed)
    part_of = random.permutation(RESPONSES) % (2 * size)
    return [np.flatnonzero(part_of == p) for p in range(2 * size) if p % size == rank]


def micro_batches_of(rank, size, region, dtype, seed):
    batch = whole_batch(seed, dtype)
    lent = {"region": region, "entropy": batch[1].abs()}
    rows = rows_of(rank, size, seed)
    parts = [[x[b] for x in batch] for b in rows]
    entropies = [lent["entropy"][b] for b in rows]
    states = distributed.fold_states([cppo.MicroBatch(*p, region=region, entropy=e) for p, e in zip(parts, entropies)])
    expected = cppo.policy_loss(*batch, **lent, aggregate="token_sum", outputs=("gradient", "mask"))
    reports = []
    for b, part, entropy in zip(rows, parts, entropies):
        part[0].requires_grad_()
        loss, report, out = cppo.policy_loss(*part, region=region, entropy=entropy, aggregate="token_sum",
                                             folds=states, outputs=("mask",))
        loss.backward()
        reports.append(report)
        assert part[0].grad.numpy().tobytes() == expected[2].gradient[b].numpy().tobytes()
        assert out.mask.numpy().tobytes() == expected[2].mask[b].numpy().tobytes()
    whole = distributed.global_report(cppo.total(reports))
    assert (whole.tokens, whole.kept) == (expected[1].tokens, expected[1].kept)
    assert whole.loss == pytest.approx(expected[1].loss, rel=1e-5)
    return None if states is None else states.tolist()


@pytest.mark.parametrize("region", WHOLE, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rule_of_the_whole_batch_is_one_over_micro_batches_and_ranks(ranks, region, dtype):
    for seed in range(2):
        found = ranks.run(micro_batches_of, region, dtype, seed)
        assert all(states == found[0] for states in found)
        assert (found[0] is None) == (region == WHOLE[-1])


def folds_that_fail(rank, size, kind):
    batch = whole_batch(2)
    call = {"region": WHOLE[0]}
    if kind == "region" and rank == 1:
        call["region"] = WHOLE[1]
    if kind == "double" and rank == 1:
        batch[:3] = [x.double() for x in batch[:3]]
    if kind == "missing":
        call["region"] = r.entropy_top()
        call["entropy"] = batch[1].abs() if rank == 0 else None
    try:
        distributed.fold_states([] if kind == "none" and rank == 1 else [cppo.MicroBatch(*batch, **call)])
    except cppo.Error as e:
        return str(e)
    return ""


@pytest.mark.parametrize("kind, words", [("region", "different regions"), ("double", "double"), ("missing", "entropy"),
                                         ("none", "needs a micro-batch")])
def test_where_the_folds_of_a_rank_fail_all_raise(ranks, kind, words):
    said = ranks.run(folds_that_fail, kind)
    assert words in said[1] and all(said), said
    assert len(set(ranks.run(quiet_of))) == 1


def fold_traffic_of(rank, size, region):
    with Traffic() as traffic:
        distributed.fold_states([cppo.MicroBatch(*whole_batch(1), region=region)])
    return traffic.calls


def test_traffic_of_folds_is_that_of_the_page(ranks):
    for region, exchanges, states in ((r.vmpo(), 4, 295512),
                                      (r.objective(r.score_form(r.batch(r.deviation(r.log_ratio)))), 2, 368)):
        for calls in ranks.run(fold_traffic_of, region):
            assert len(calls) == 1 + exchanges and calls[0] == ("all_gather", 24)
            assert sum(n for _, n in calls[1:]) == states


ADVANTAGES = ["grpo", "gpg", "reinforce_pp(0.9)", "dynamic_sampling", "gae"]


def rewards_of(rank, size, rule, seed, wrong):
    """Advantages of this rank's micro-batches, some of which are empty, and those of one batch there."""
    random = np.random.default_rng(seed)
    r, g = random.normal(size=24), random.integers(0, 5, 24)
    m = (np.arange(6) < random.integers(1, 7, (24, 1))).astype(np.uint8)
    part_of = random.integers(0, 2 * size, 24)
    rows = [np.flatnonzero(part_of == p) for p in range(2 * size) if p % size == rank and p < size + 1]
    used = part_of < size + 1
    parts = [{"reward": r[b], "group_id": g[b], "response_mask": m[b]} for b in rows]
    if rank == 1 and wrong == "reward":
        parts[0]["reward"] = parts[0]["reward"] * np.nan
    if wrong == "rule" and rank == 1:
        rule = "rloo"
    try:
        known = distributed.reward_states([] if wrong == "nothing" and rank == 1 else parts, rule=rule)
    except cppo.Error as e:
        return str(e)
    if wrong or rule == "gae":
        return None if known is None else known.tolist()
    whole = np.zeros((24, 6) if rule.startswith("reinforce") else 24)
    whole[used] = cppo.compute_advantage(r[used], rule=rule, group_id=g[used], response_mask=m[used])
    for b, part in zip(rows, parts):
        assert np.array_equal(cppo.compute_advantage(**part, rule=rule, known=known), whole[b])
    return known.tolist()


@pytest.mark.parametrize("rule", ADVANTAGES)
def test_advantages_of_ranks_are_those_of_one_batch(ranks, rule):
    for seed in range(3):
        found = ranks.run(rewards_of, rule, seed, "")
        assert all(known == found[0] for known in found) and (found[0] is None) == (rule == "gae")


def test_where_the_rewards_of_a_rank_fail_all_raise(ranks):
    for wrong, mine, others in (("reward", "reward", "failed on another rank"), ("rule", "different rules", "rules")):
        said = ranks.run(rewards_of, "grpo", 1, wrong)
        assert mine in said[1] and all(others in s for k, s in enumerate(said) if k != 1), said
    assert all(isinstance(known, list) for known in ranks.run(rewards_of, "grpo", 1, "nothing"))


def reward_traffic_of(rank, size):
    with Traffic() as traffic:
        distributed.reward_states([{"reward": np.ones(3), "group_id": np.array([0, 1, 1])}], rule="grpo")
    return traffic.calls


def test_traffic_of_rewards_is_that_of_the_table(ranks):
    states = 8 * _native.LIB.cppo_reward_words(cppo.advantages.grpo().c_rule, 2)
    for calls in ranks.run(reward_traffic_of):
        assert calls == [("all_gather", n) for n in (8, 8, states, 8, states)]


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


# --- What it costs ---

class Traffic:
    """Counts the calls of this rank and the bytes that it gives to them."""

    def __enter__(self):
        self.calls, self.originals = [], {}
        for name in ("all_gather_single", "all_gather_into_tensor", "all_reduce"):
            if hasattr(dist, name):
                self.originals[name] = getattr(dist, name)
                setattr(dist, name, self.counting(name))
        return self

    def counting(self, name):
        def call(*tensors, **options):
            sent = tensors[-1]
            self.calls.append((name.split("_single")[0].split("_into")[0], sent.numel() * sent.element_size()))
            return self.originals[name](*tensors, **options)
        return call

    def __exit__(self, *_):
        for name, original in self.originals.items():
            setattr(dist, name, original)


def traffic_of(rank, size, region, dtype, gather_below):
    batch = whole_batch(1, dtype, 1, 4096)
    batch[3][:] = True
    for x in batch[:3]:
        x.nan_to_num_(-1.0)
    with Traffic() as traffic:
        loss_of_pieces(batch, spans_of("zig_zag", rank, size, 0, 1, 4096), region=region, gather_below=gather_below)
    return traffic.calls


HISTOGRAMS = {np.float32: [8192, 8192, 4096], np.float64: [8192] * 5 + [2048]}
"""Bytes of each: 4 for each of 2048 bins; the last digit has fewer bits."""


@pytest.mark.parametrize("dtype", HISTOGRAMS)
def test_traffic_is_that_of_the_table(ranks, dtype):
    """One response of 4096 tokens in two pieces on each rank."""
    gather, reduce = "all_gather", "all_reduce"
    before, after = [(gather, 24), (gather, 2 * 80)], [(gather, 2 * 64), (reduce, 104), (reduce, 560)]
    divergences = [(gather, np.dtype(dtype).itemsize * 4096 // len(ranks.pipes))]
    histograms = [(reduce, n) for n in (*HISTOGRAMS[dtype], 8)]
    for region, gather_below, middle in ((REGIONS[0], 1, []), (REGIONS[1], 4097, divergences),
                                         (REGIONS[1], 4096, histograms)):
        for calls in ranks.run(traffic_of, region, dtype, gather_below):
            assert calls == before + middle + after


def quiet_of(rank, size):
    batch = whole_batch(1)
    spans = [(b, 0, slice(0, WIDTH)) for b in range(RESPONSES) if b % size == rank]
    with Traffic() as traffic:
        loss_of_pieces(batch, spans, region=REGIONS[1], gather_below=1)
    return len(traffic.calls)


def test_divergences_of_whole_responses_stay_where_they_are(ranks):
    assert set(ranks.run(quiet_of)) == {5}


# --- Reports and means of all ranks ---

def reports_of(rank, size, empty):
    reports = []
    for r in range(size):
        batch = whole_batch(r)
        if r in empty:
            batch[3][:] = False
        reports.append(cppo.policy_loss(*batch, region=REGIONS[2], normalizer=100)[1])
    found, expected = distributed.global_report(reports[rank]), cppo.total(reports)
    for name in cppo.report.FIELDS:
        assert np.allclose(getattr(found, name), getattr(expected, name), rtol=1e-12), name
    other = cppo.policy_loss(*whole_batch(0), region=REGIONS[2], normalizer=100 + rank)[1]
    assert np.isnan(distributed.global_report(other).loss) and other.normalizer == 100 + rank
    return found


def test_report_of_all_ranks(ranks):
    for empty in ((), (0,), (1,), range(4)):
        found = ranks.run(reports_of, tuple(empty))
        assert all(r == found[0] for r in found)


def means_of(rank, size, aggregate):
    batch = whole_batch(3)
    options = {"region": REGIONS[1], "aggregate": aggregate, "horizon": 100 if aggregate.endswith("norm") else 0}
    lent, cu_seqlens, (loss, report) = loss_of_pieces(batch, spans_of("zig_zag", rank, size, 0), **options)
    mine = slice(RESPONSES * rank // size, RESPONSES * (rank + 1) // size)
    counts = distributed.global_counts(batch[3][mine])
    assert counts == (int(batch[3].sum()), int(batch[3].any(1).sum()))
    whole, _ = cppo.policy_loss(*(x[mine] for x in batch), normalizer=counts.normalizer(aggregate), **options)
    return loss.item(), whole.item(), report.loss, cppo.policy_loss(*batch, **options)[0].item()


@pytest.mark.parametrize("aggregate", cppo._native.AGGREGATES)
def test_parts_add_up_to_the_mean_of_all_ranks(ranks, aggregate):
    pieces, wholes, reported, expected = map(np.array, zip(*ranks.run(means_of, aggregate)))
    assert pieces.sum() == pytest.approx(expected[0], rel=1e-5)
    assert wholes.sum() == pytest.approx(expected[0], rel=1e-5)
    assert reported == pytest.approx(expected, rel=1e-5)


# --- Trainers that average gradients ---

def policy(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).double()


def log_probs(model, features):
    return -torch.nn.functional.softplus(model(features)[..., 0])


def training_data(responses=8, width=33):
    log_q, advantage, valid = whole_batch(5, np.float64, responses, width)[1:]
    torch.manual_seed(1)
    features = torch.randn(responses, width, 8, dtype=torch.float64)
    log_q = log_probs(policy(), features).detach() + 0.2 * torch.randn(responses, width, dtype=torch.float64)
    return features, log_q.clamp(max=0.0), advantage.nan_to_num(0.0), valid


def gradient_of_one_process():
    features, *rest = training_data()
    model = policy()
    loss, report = cppo.policy_loss(log_probs(model, features), *rest, region=REGIONS[1])
    loss.backward()
    assert 0 < report.kept < report.tokens
    return [p.grad for p in model.parameters()]


def check_gradient(model, factor=1.0):
    for found, expected in zip(model.parameters(), gradient_of_one_process()):
        found = found.grad.full_tensor() if hasattr(found.grad, "full_tensor") else found.grad
        torch.testing.assert_close(found * factor, expected, rtol=1e-9, atol=1e-12)


def accumulate(model, rank, size, micro_batches, factor, no_sync):
    """Micro-batches of unequal numbers of tokens; `normalizer` is that of all of them on all ranks."""
    parts = [[x[i::size * micro_batches] for x in training_data()]
             for i in range(rank * micro_batches, (rank + 1) * micro_batches)]
    counts = distributed.global_counts(*(part[3] for part in parts))
    for i, (features, *rest) in enumerate(parts):
        with no_sync(i + 1 < micro_batches):
            loss, _ = cppo.policy_loss(log_probs(model, features), *rest, region=REGIONS[1], normalizer=counts.tokens)
            (loss * factor / micro_batches).backward()  # as trainers divide


def ddp_of(rank, size, micro_batches):
    import contextlib
    for averaged in (True, False):
        model = torch.nn.parallel.DistributedDataParallel(policy())
        factor = distributed.averaging_factor(micro_batches=micro_batches) if averaged else 1
        accumulate(model, rank, size, micro_batches, factor,
                   lambda wait, model=model: model.no_sync() if wait else contextlib.nullcontext())
        check_gradient(model, 1 if averaged else size * micro_batches)


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_ddp_and_accumulation_give_the_gradient_of_one_process(ranks, micro_batches):
    ranks.run(ddp_of, micro_batches)


def fsdp_of(rank, size, micro_batches):
    import contextlib

    from torch.distributed.fsdp import fully_shard
    model = policy()
    mesh = dist.device_mesh.init_device_mesh("cpu", (size,))
    for part in (*model, model):
        if any(True for _ in part.parameters()):
            fully_shard(part, mesh=mesh)

    @contextlib.contextmanager
    def no_sync(wait):
        model.set_requires_gradient_sync(not wait)
        yield
    accumulate(model, rank, size, micro_batches, distributed.averaging_factor(micro_batches=micro_batches), no_sync)
    check_gradient(model)


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_fsdp_gives_the_gradient_of_one_process(ranks, micro_batches):
    if not hasattr(pytest.importorskip("torch.distributed.fsdp"), "fully_shard"):
        pytest.skip("this PyTorch has no fully_shard")
    ranks.run(fsdp_of, micro_batches)


def context_parallel_of(rank, size):
    """Two ranks share each response, by zig-zag cuts; every pair of ranks has responses of its own."""
    pair = [dist.new_group([first, first + 1]) for first in range(0, size, 2)][rank // 2]
    features, *rest = training_data()
    model = torch.nn.parallel.DistributedDataParallel(policy())
    spans = [(b, k, s) for b in range(rank // 2, 8, size // 2) for k, s in distributed.zig_zag(33, 2, rank % 2)]
    lent, cu_seqlens = packed([features, *rest], spans)
    loss, report = distributed.policy_loss(
        log_probs(model, lent[0]), *lent[1:], cu_seqlens=cu_seqlens, region=REGIONS[1], pieces_group=pair,
        response_of=[b for b, _, _ in spans], order_of=[k for _, k, _ in spans])
    (loss * distributed.averaging_factor()).backward()
    check_gradient(model)
    return report.tokens


def test_context_parallel_groups_under_ddp(ranks):
    assert set(ranks.run(context_parallel_of)) == {int(training_data()[3].sum())}


# --- Failures ---

def failures_of(rank, size, kind):
    batch, spans = whole_batch(2), spans_of("zig_zag", rank, size, 0)
    lent, cu_seqlens = packed(batch, spans)
    call = {"region": REGIONS[1], "cu_seqlens": cu_seqlens, "response_of": [b for b, _, _ in spans],
            "order_of": [k for _, k, _ in spans]}
    if kind == "bad input" and rank == 1:
        lent[0][lent[3].nonzero()[0]] = 0.5
    if kind == "argument" and rank == 1:
        lent[1] = lent[1][:-1]
    if kind == "region" and rank == 1:
        call["region"] = REGIONS[0]
    if kind == "double" and rank == 1:
        lent[:3] = [x.double() for x in lent[:3]]
    if kind == "place":
        call["order_of"] = [0] * len(spans)
    if kind == "entries" and rank == 1:
        call["response_of"] = []
    try:
        distributed.policy_loss(*lent, **call)
    except cppo.Error as e:
        return str(e)
    return ""


@pytest.mark.parametrize("kind, words", [
    ("bad input", "log_prob"), ("argument", "rollout_log_prob"), ("region", "different regions"), ("double", "double"),
    ("place", "the place 0"), ("entries", "entries")])
def test_where_a_rank_fails_all_raise(ranks, kind, words):
    said = ranks.run(failures_of, kind)
    assert words in said[1] and all(said), said
    assert len(set(ranks.run(quiet_of))) == 1  # the next call finds all ranks at the same place


def left_out_of(rank, size):
    batch, spans = whole_batch(2), spans_of("contiguous", rank, size, 0)
    b, t = batch[3].nonzero()[0].tolist()
    batch[0][b, t] = 0.5
    _, _, (_, report) = loss_of_pieces(batch, spans, region=REGIONS[1], bad_input="leave_out")
    expected = cppo.policy_loss(*batch, region=REGIONS[1], bad_input="leave_out")[1]
    assert (report.tokens, report.responses, report.kept) == (expected.tokens, expected.responses, expected.kept)
    assert report.loss == pytest.approx(expected.loss, rel=1e-5)


def test_a_response_that_is_left_out_counts_nowhere(ranks):
    ranks.run(left_out_of)


def test_without_a_process_group_there_is_one_rank():
    batch = whole_batch(4)
    spans = spans_of("zig_zag", 0, 1, 0)
    _, _, (loss, report) = loss_of_pieces(batch, spans, region=REGIONS[1])
    expected, its_report = cppo.policy_loss(*batch, region=REGIONS[1])
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6) and report.kept == its_report.kept
    assert distributed.averaging_factor(micro_batches=3) == 3
    assert distributed.global_counts(batch[3], batch[3], tokens=1).tokens == 2 * int(batch[3].sum()) + 1


def test_cuts_cover_a_response():
    for kind in (distributed.contiguous, distributed.zig_zag):
        for length in (0, 5, 64):
            cuts = sorted(cut for rank in range(4) for cut in kind(length, 4, rank))
            assert [k for k, _ in cuts] == list(range(len(cuts)))
            assert [i for _, s in cuts for i in range(s.start, s.stop)] == list(range(length))
