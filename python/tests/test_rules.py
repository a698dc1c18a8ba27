"""Rules: every name of the library's list, operators, text, pickles, errors, and calls on NumPy and PyTorch."""

from __future__ import annotations

import inspect
import pickle

import cppo
import numpy as np
import pytest
from conftest import make_batch
from cppo import _native
from cppo import rules as r

NAMES = {n: getattr(cppo, n) for n in cppo.__all__} | {n: getattr(r, n) for n in dir(r)}

ONE_TOKEN = ["ppo_clip", "ppo_rb", "tr_ppo", "tr_ppo_rb", "truly_ppo", "trgppo", "cispo", "cispo_by_epsilon",
             "gpg_loss", "dro", "sapo", "drpo", "spo", "dppo_quadratic", "dppo_quadratic_symmetric"]
FOLDS = ["gspo", "gmpo", "vespo", "minpro", "ctpo", "ctpo_in_band", "ctpo_geometric_in_band", "fipo", "clip_cov",
         "kl_cov", "m2po", "m2po_mask", "vmpo"]
WEIGHTS = ["tis", "sequence_tis", "icepop"]


def argument(parameter):
    values = {"seed": 7, "mask": cppo.toward_rollout, "statistic": r.mean(r.ratio), "region": cppo.ppo(),
              "s": r.ratio_form, "p": r.nothing, "surrogate": r.ratio_form, "half_life": 2, "power": 2,
              "share": 0.5, "epsilon": 0.5}
    return values.get(parameter, 1.5)


@pytest.mark.parametrize("name", [n for n in dir(r) if n.islower()])
def test_every_name_of_the_list_makes_what_it_says(name):
    thing = getattr(r, name)
    for form in r.NAMES.forms["from" if name == "from_" else name]:
        if not form.parameters and form.kind != "region":
            assert type(thing) is r._KINDS[form.kind]
            continue
        given = {p: argument(p) for p in form.parameters}
        if name in ("penalty", "kl_k1", "kl_k2", "kl_k3", "kl_k3_plus", "kl_abs", "ratio_form", "clipped",
                    "rolled_back", "sigmoid_form"):
            given.update({p: r.log_ratio for p in ("q", "x", "r") if p in given})
        if name in ("kth_smallest", "kth_largest"):
            given["k"] = r.share(0.5)
        if name in ("share", "share_rounded_up", "at_quantile"):
            given["x"] = 0.5
        if {"low", "high"} <= set(given):
            given["low"] = 0.5
        if form.kind == "loss" and name == "where":
            given = dict(mask=cppo.keep_all, s=r.ratio_form, p=r.nothing)
        made = thing(**given)
        assert type(thing(*given.values())) is type(made)
        assert isinstance(made, cppo.Region if form.kind == "region" else r._KINDS[form.kind])
        assert form.kind in inspect.getdoc(thing) if not isinstance(thing, cppo.parts.Part) else True
        assert pickle.loads(pickle.dumps(made)) == made
        assert eval(repr(made), dict(NAMES)) == made


def test_nothing_is_written_a_second_time():
    """What the library lists is here, or is a part or a region of its own."""
    for name in _native.names_of("cppo_part_name"):
        plain = {"from": "from_"}.get(name.rsplit("::")[-1], name.rsplit("::")[-1])
        assert hasattr(r, plain) or hasattr(cppo, plain) or hasattr(cppo.presets, plain), name


def test_operators_are_those_of_the_library():
    a, b = r.ratio, r.prob
    assert r.objective(r.score_form(a - b - 1)) == cppo.region("objective(score_form(ratio - prob - 1))")
    assert r.objective(r.score_form(a - (b - 1))) == cppo.region("objective(score_form(ratio - (prob - 1)))")
    assert r.objective(r.score_form((a + b) * 2)) == cppo.region("objective(score_form((ratio + prob) * 2))")
    assert r.objective(r.score_form(2 / (a * b))) == cppo.region("objective(score_form(2 / (ratio * prob)))")
    assert r.objective(r.score_form(-(a + 1) * -b)) == cppo.region("objective(score_form(-(ratio + 1) * -prob))")
    assert r.objective(a * r.ratio_form + 0.5 * r.score_form(b)) == cppo.region(
        "objective(ratio * ratio_form + 0.5 * score_form(prob))")
    kept = cppo.toward_rollout | (r.at_most(r.abs(r.log_ratio), r.below(0.3)) & ~r.between(a, 0.5, 2))
    assert cppo.trust_region(cppo.no_divergence, cppo.uniform_weight, kept).expression == (
        "trust_region(no_divergence, uniform_weight, toward_rollout | (at_most(abs(log_ratio), below(0.3)) & "
        "!between(ratio, 0.5, 2)))")
    assert cppo.ppo() + r.penalty(r.kl_k3(), 0.1) + r.penalty(r.kl_k1(), 0.2) == cppo.region(
        "ppo + penalty(kl_k3(), 0.1) + penalty(kl_k1(), 0.2)")


def test_a_region_of_text_equals_the_one_composed():
    gspo = r.objective(r.clipped(1 - 3e-4, 1 + 4e-4, r.exp(r.min(r.response(r.mean(r.log_ratio)), 10))))
    assert gspo == r.gspo() == cppo.region("gspo") == cppo.region(gspo.expression)
    assert r.fipo(half_life=16) == cppo.region("fipo(half_life = 16)")
    assert r.clip_cov(2**64 - 1).expression == cppo.region("clip_cov(18446744073709551615)").expression
    assert cppo.region(r.clip_cov(7).expression) == r.clip_cov(7)
    assert r.mean_over_kept(r.entropy_top()).reads == ("entropy",)
    assert (cppo.ppo() + r.penalty(r.kl_k1(), 1)).reads == ("reference_log_prob",)
    assert r.cispo(high=4).with_numbers(3) == r.cispo(high=3)


def test_arguments_go_by_their_names():
    def mask(m):
        return cppo.trust_region(cppo.no_divergence, cppo.uniform_weight, m)

    def score(statistic):
        return r.objective(r.score_form(r.response(statistic)))

    assert mask(r.at_most(x=1.2, q=r.ratio)) == mask(r.at_most(r.ratio, 1.2))
    assert mask(r.between(high=2, q=r.ratio, low=0.5)) == mask(r.between(r.ratio, 0.5, 2))
    assert score(r.weighted_mean(weights=r.prob, q=r.ratio)) == score(r.weighted_mean(r.ratio, r.prob))
    assert score(r.weighted_mean(weights=r.prob, q=r.ratio)) != score(r.weighted_mean(r.prob, r.ratio))
    assert score(r.kth_largest(k=r.share(x=0.5), q=r.ratio)) == score(r.kth_largest(r.ratio, r.share(0.5)))
    assert r.objective(surrogate=r.ratio_form, region=cppo.ppo()) == r.objective(cppo.ppo(), r.ratio_form)
    assert cppo.region('{"trust_region": ["no_divergence", "uniform_weight", {"at_most": {"x": 1.2, "q": "ratio"}}]}'
                       ) == mask(r.at_most(r.ratio, 1.2))


def test_a_rule_whose_text_is_too_long_keeps_its_own():
    """A weighted mean writes what it takes several times, and text holds 512 words and numbers."""
    one = f"batch(weighted_mean(ratio, $0 + {' + '.join(['prob'] * 9)}))"
    text = f"objective(score_form({' + '.join([one] * 4)}))"
    two, three = cppo.region(text, [2]), cppo.region(text, [3])
    assert (two.text, two.numbers, two.expression) == (text, (2.0,), text.replace("$0", "2.0"))
    assert two != three and two == cppo.region(two.expression) == pickle.loads(pickle.dumps(two))
    assert eval(repr(two), dict(NAMES)) == two and two.with_numbers(3) == three


def test_wrong_ones_say_what_is_wrong():
    with pytest.raises(cppo.Error, match="clipped lacks its high"):
        r.clipped(0.8)
    with pytest.raises(cppo.Error, match="has no parameter up"):
        r.clipped(low=0.8, up=1.2)
    with pytest.raises(cppo.Error, match=r"at_most has no parameter nonsense: at_most\(q, x\)"):
        r.at_most(r.ratio, nonsense=2)
    with pytest.raises(cppo.Error, match="column 1: this rule is too large: a described_rule holds at most 128 nodes"):
        cppo.region(f"objective(score_form({' + '.join(['ratio'] * 70)}))")
    with pytest.raises(cppo.Error, match=r"mean has no parameter x: mean\(q\)"):
        r.mean(x=r.ratio)
    with pytest.raises(cppo.Error, match="this is differentiated, and has no slope"):
        r.clipped(0.8, 1.2, r.entropy)
    with pytest.raises(cppo.Error, match="take it over a range"):
        r.score_form(r.mean(r.ratio))
    with pytest.raises(cppo.Error, match="must be a low that is not above high"):
        r.objective(r.clipped(1.2, 0.8))
    with pytest.raises(TypeError, match="seed must be a whole number"):
        r.hashed(1.5)
    with pytest.raises(TypeError):
        r.ratio_form * 2
    with pytest.raises(TypeError):
        cppo.ppo() + r.ratio
    with pytest.raises(TypeError, match="must be a number"):
        r.penalty(r.log_ratio, "x")
    with pytest.raises(AttributeError):
        r.no_such_rule
    with pytest.raises(AttributeError):
        r.ratio.text = "prob"


@pytest.mark.parametrize("name", ONE_TOKEN + FOLDS + WEIGHTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rule_by_name_runs_with_the_bits_of_seq(name, dtype):
    log_p, log_q, advantage, valid = make_batch(7, 29, seed=5, dtype=dtype)
    region = getattr(r, name)()
    names = ("gradient", "mask", "loss")
    got = cppo.policy_loss(log_p, log_q, advantage, valid, region=region, outputs=names)
    want = cppo.policy_loss(log_p, log_q, advantage, valid, region=region, outputs=names, executor="seq")
    assert got[0] == want[0] and np.isfinite(got[0])
    for output in names:
        np.testing.assert_array_equal(getattr(got[2], output), getattr(want[2], output))
    counts = got[2].loss if name in WEIGHTS else got[2].gradient
    assert np.abs(counts[valid]).sum() > 0


def test_the_loss_of_a_rule_is_its_formula():
    log_p, log_q, advantage, valid = make_batch(3, 11, seed=2, dtype=np.float64)
    d, n = (log_p - log_q)[valid], valid.sum()
    loss, _ = cppo.policy_loss(log_p, log_q, advantage, valid, region=r.objective(r.score_form(r.exp(r.log_ratio))))
    assert loss == pytest.approx(-(np.exp(d) * advantage[valid] * log_p[valid]).sum() / n, rel=1e-12)
    means = np.array([d_[v].mean() if v.any() else 0.0 for d_, v in zip(log_p - log_q, valid)])
    per_token = np.repeat(means[:, None], 11, 1)[valid]
    folded, _ = cppo.policy_loss(log_p, log_q, advantage, valid,
                                 region=r.objective(r.ratio_form(r.exp(r.response(r.mean(r.log_ratio))))))
    assert folded == pytest.approx(-(np.exp(per_token) * advantage[valid]).sum() / n, rel=1e-9)


def test_what_a_rule_reads_is_lent_by_name():
    log_p, log_q, advantage, valid = make_batch(5, 17, seed=4)
    reference = log_q - 0.01
    with_reference = cppo.ppo() + r.penalty(r.kl_k3(), 0.1)
    with pytest.raises(cppo.Error, match="reference_log_prob"):
        cppo.policy_loss(log_p, log_q, advantage, valid, region=with_reference)
    loss, _ = cppo.policy_loss(log_p, log_q, advantage, valid, region=with_reference, reference_log_prob=reference)
    plain, _ = cppo.policy_loss(log_p, log_q, advantage, valid, region=cppo.ppo())
    d = (log_p - reference)[valid].astype(np.float64)
    assert loss == pytest.approx(plain + 0.1 * (np.exp(-d) - 1 + d).mean(), rel=1e-4)
    entropy = np.abs(log_p)
    loss, report = cppo.policy_loss(log_p, log_q, advantage, valid, region=r.entropy_top(), entropy=entropy)
    assert np.isfinite(loss) and 0 < report.kept <= -(-valid.sum() // 5) + 1


def test_a_rule_in_pytorch_has_its_gradient():
    torch = pytest.importorskip("torch")
    log_p, log_q, advantage, valid = make_batch(5, 17, seed=6, holes=False)
    x = torch.tensor(log_p, requires_grad=True)
    loss, _ = cppo.policy_loss(x, torch.tensor(log_q), torch.tensor(advantage), torch.tensor(valid),
                               region=r.gspo(epsilon_low=0.1, epsilon_high=0.1), aggregate="seq_mean_token_mean")
    loss.backward()
    _, _, out = cppo.policy_loss(log_p, log_q, advantage, valid, region=r.gspo(epsilon_low=0.1, epsilon_high=0.1),
                                 aggregate="seq_mean_token_mean", outputs=("gradient",))
    np.testing.assert_array_equal(x.grad.numpy()[valid], out.gradient[valid])


def test_theory_and_pieces_say_what_is_not_for_rules():
    log_p, log_q, advantage, valid = make_batch(3, 9, seed=8)
    with pytest.raises(cppo.Error, match="loss of its own"):
        cppo.theory.certificate(log_p, log_q, advantage, valid, region=r.cispo())


def test_pieces_read_what_a_rule_reads_and_refuse_folds():
    log_p, log_q, advantage, valid = make_batch(3, 9, seed=8)
    lent = dict(entropy=-log_p, reference_log_prob=log_q - 0.01)
    region = cppo.fixed_cppo(0.1, 0.02) + r.penalty(r.kl_k3(), 0.1)
    plan = cppo.plan_pieces(cppo.PieceBatch(log_p, log_q, advantage, valid, region=region, **lent), [0, 1, 2], [0] * 3)
    given = dict(carries=plan.carries, totals=plan.totals, outputs=("gradient",))
    cut = cppo.policy_loss(log_p, log_q, advantage, valid, region=region, **lent, **given)
    whole = cppo.policy_loss(log_p, log_q, advantage, valid, region=region, **lent, outputs=("gradient",))
    np.testing.assert_array_equal(cut[2].gradient, whole[2].gradient)
    with pytest.raises(cppo.Error, match="its folds need whole responses: call without carries and totals") as e:
        cppo.policy_loss(log_p, log_q, advantage, valid, region=r.gspo(), **given)
    assert e.value.argument == "region"
