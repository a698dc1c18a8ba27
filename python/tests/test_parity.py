"""Public codes by name, and what they do with tokens of tools, which are holes of the response mask.

The oracles are written token by token from what those codes do, and share nothing with the library.
"""

from __future__ import annotations

import cppo
import numpy as np
import pytest
from cppo import parity

CODES = ["mask_count_cppo", "stable_rl_dppo_kl", "stable_rl_dppo_tv", "unirl_cppo", "unirl_dppo", "verl_cppo",
         "verl_cppo_2x", "verl_dppo_kl", "verl_dppo_tv"]
SCORE = {"aggregate": "token_mean", "positions": "own_length", "surrogate": "reinforce", "log_ratio_clamp": 20.0,
         "ratio_cap": 3.0}


def test_every_code_of_the_header_has_its_name_here(header):
    import re
    made = re.findall(r"^constexpr auto (\w+)\(", header("cppo/rules/parity.hpp"), re.M)
    assert sorted(set(made) - {"verl_cppo_region"}) == CODES
    assert [x for x in dir(parity) if x not in ("Code", "code")] == CODES


def test_a_code_is_a_region_and_options():
    verl = parity.verl_cppo()
    assert verl.region == cppo.calibrated_cppo(0.2, 0.02, 0.8, ceiling_factor=5.0)
    assert verl.options == {**SCORE, "positions": "padded_column"}
    assert parity.verl_cppo_2x().region == cppo.calibrated_cppo(0.2, 0.02, 0.8, ceiling_factor=2.0)
    assert parity.mask_count_cppo(ceiling=3.0).region == cppo.calibrated_cppo(0.2, 0.02, 0.8, ceiling_factor=3.0)
    assert parity.mask_count_cppo().options == SCORE
    ratio = {**SCORE, "surrogate": "ratio", "ratio_cap": 0.0}
    assert parity.unirl_cppo() == (cppo.calibrated_cppo(0.2, 0.02, 0.8), ratio)
    assert parity.unirl_dppo(0.1) == (cppo.dppo(delta=0.1), ratio)
    for name, divergence in (("verl_dppo_tv", cppo.binary_tv), ("verl_dppo_kl", cppo.binary_kl),
                             ("stable_rl_dppo_tv", cppo.top_k_tv_replace_last),
                             ("stable_rl_dppo_kl", cppo.top_k_kl_replace_last)):
        made = getattr(parity, name)(delta_low=0.1, ratio_cap=20.0)
        assert made == (cppo.dppo(delta_low=0.1, delta_high=0.2, divergence=divergence), {**SCORE, "ratio_cap": 20.0})


def test_text_is_the_same_code():
    for text in ("verl_cppo(delta = 0.1, ratio_cap = 20)", "parity::verl_cppo(0.1, ratio_cap=20)",
                 '{"verl_cppo": {"delta": 0.1, "ratio_cap": 20}}'):
        assert parity.code(text) == parity.verl_cppo(delta=0.1, ratio_cap=20.0)
    assert parity.code("verl_cppo(w_min = $0)", [0.5]) == parity.verl_cppo(w_min=0.5)
    for name in CODES:
        assert parity.code(name) == getattr(parity, name)()


@pytest.mark.parametrize("text, said", [
    ("verl", "column 1: there is no public code named verl: there are unirl_cppo, "),
    ("verl_cppo(0.1, 0.02, 0.8, 0.9, 1, 3, 11)", "takes no more: verl_cppo\\(delta, delta_b"),
    ("verl_cppo(epsilon = 1)", "column 11: verl_cppo has no parameter epsilon: verl_cppo\\(delta"),
    ("verl_cppo(delta = 1, delta = 2)", "delta is given twice"), ("verl_cppo(ppo())", "expected a number"),
    ("verl_cppo(delta = -1)", r"column 19: verl_cppo\(delta\) is -1, but must be in \[2\^-126, 1000\]$"),
    ("verl_cppo(ratio_cap = -1)", r"column 23: verl_cppo\(ratio_cap\) is -1, but must be in \[0, 1e30\]$"),
    ("verl_cppo(delta=0.1, w_min=2)", r"column 28: verl_cppo\(w_min\) is 2, but must be in \(0, 1\]"),
    ("verl_cppo | verl_cppo", "column 11: expected one public code: there are unirl_cppo, "),
    ("verl_cppo(w_min=0.5, 0.1)", "takes a number without a name before those with one: verl_cppo\\(delta"),
    ("verl_cppo(", "column 11: "),
    ("verl_cppo($0)", r"\$0 asks for a number")])
def test_what_is_no_code_is_refused(text, said):
    with pytest.raises(cppo.Error, match=said) as e:
        parity.code(text)
    assert e.value.code == cppo.StatusCode.bad_text
    with pytest.raises(cppo.Error):
        cppo.region("verl_cppo")  # without its options it is another rule
    with pytest.raises(AttributeError, match="it has unirl_cppo"):
        parity.verl


def test_a_function_takes_no_or_some_parameters_and_says_so():
    import inspect
    shown = inspect.signature(parity.verl_cppo)
    assert shown.bind().arguments == {} and all(p.default is None for p in shown.parameters.values())
    assert parity.verl_cppo(delta=None) == parity.verl_cppo()


def test_a_function_names_no_column_of_a_text_that_its_caller_never_wrote():
    for wrong, said in (({"foo": 1}, r"^verl_cppo has no parameter foo: verl_cppo\(delta"),
                        ({"w_min": 2}, r"^verl_cppo\(w_min\) is 2, but must be in \(0, 1\]")):
        with pytest.raises(cppo.Error) as e:
            parity.verl_cppo(**wrong)
        import re
        assert re.search(said, e.value.message) and e.value.code == cppo.StatusCode.bad_text
    for wrong in (None, 3, parity.verl_cppo().region):
        with pytest.raises(TypeError, match="text must be that of a code"):
            parity.code(wrong)


# --- Holes ---

def batch(seed, responses=5, width=31):
    """log π, log μ, advantage, which slots are of a response, and which of those the policy generated."""
    random = np.random.default_rng(seed)
    log_q = -random.exponential(1.0, (responses, width))
    log_p = np.minimum(log_q + random.normal(0.0, 0.4, log_q.shape), 0.0)
    advantage = random.normal(0.0, 1.0, (responses, 1)).repeat(width, 1)
    inside = np.arange(width) < random.integers(2, width + 1, (responses, 1))
    return log_p, log_q, advantage, inside, inside & (random.random(inside.shape) > 0.3)


def response(d, toward, weights, delta=0.2, floor=0.02, ceiling=5.0):
    """The mask of the tokens that count, in order. δ_b: the linear 0.9-quantile of D in [floor, ceiling floor]."""
    if not len(d):
        return []
    delta_b = min(max(np.quantile(d, 0.9), floor), ceiling * floor)
    kept, drift, total = [], 0.0, 0.0
    for z, w, is_toward in zip(weights * d, weights, toward):
        kept.append(bool(is_toward or (z <= delta and drift + z <= delta + delta_b * total)))
        drift, total = drift + z, total + w
    return kept


def public(log_p, log_q, advantage, counts, weights_of, ceiling):
    """The mask of a batch; `weights_of(columns, number that count, width)` of each response."""
    mask = np.zeros(counts.shape, bool)
    for b in range(len(counts)):
        at = np.flatnonzero(counts[b])
        d = np.abs(np.exp(log_p[b, at]) - np.exp(log_q[b, at]))
        toward = advantage[b, at] * (log_p[b, at] - log_q[b, at]) <= 0
        mask[b, at] = response(d, toward, weights_of(at, len(at), counts.shape[1]), ceiling=ceiling)
    return mask


def line(place, last):
    """1 to 0.8 over the places 0 to `last`, and no less."""
    return np.maximum(1.0 - 0.2 * place / max(last, 1), 0.8)


@pytest.mark.parametrize("seed", range(8))
def test_verl_leaves_holes_out_of_its_sums_and_counts_their_columns(seed):
    log_p, log_q, advantage, _, valid = batch(seed)
    for made, ceiling in ((parity.verl_cppo(), 5.0), (parity.verl_cppo_2x(), 2.0)):
        wanted = public(log_p, log_q, advantage, valid, lambda at, n, width: line(at, width - 1), ceiling)
        out = cppo.policy_loss(log_p, log_q, advantage, valid, region=made.region, outputs=("mask", "gradient"),
                               **made.options)[2]
        np.testing.assert_array_equal(out.mask, wanted)
        ratio = np.minimum(np.exp(log_p - log_q), 3.0)
        np.testing.assert_allclose(out.gradient, np.where(wanted, -advantage * ratio, 0.0) / valid.sum(), rtol=1e-10)


@pytest.mark.parametrize("seed", range(8))
def test_unirl_spends_budget_on_holes_and_then_leaves_them_out(seed):
    """To have its numbers lend no hole: they are tokens, whose token weight is 0."""
    log_p, log_q, advantage, inside, valid = batch(seed)
    wanted = public(log_p, log_q, advantage, inside, lambda at, n, width: line(np.arange(n), n - 1), 2.0)
    made = parity.unirl_cppo()
    out = cppo.policy_loss(log_p, log_q, advantage, inside, token_weight=valid.astype(float), region=made.region,
                           normalizer=valid.sum(), outputs=("mask", "gradient"), **made.options)[2]
    np.testing.assert_array_equal(out.mask, wanted)
    gradient = np.where(wanted & valid, -advantage * np.exp(log_p - log_q), 0.0) / valid.sum()
    np.testing.assert_allclose(out.gradient, gradient, rtol=1e-10)
    plain = cppo.policy_loss(log_p, log_q, advantage, valid, region=made.region, outputs=("mask",), **made.options)[2]
    assert seed > 0 or (plain.mask != wanted)[valid].any()  # which is why it matters


@pytest.mark.parametrize("seed", range(8))
def test_mask_count_is_reproduced_without_holes_and_falls_early_with_them(seed):
    log_p, log_q, advantage, inside, valid = batch(seed)
    made = parity.mask_count_cppo()

    def theirs(at, n, width):
        return line(at, n - 1)  # columns over the number of tokens: the weight is 0.8 before the last token
    whole = cppo.policy_loss(log_p, log_q, advantage, inside, region=made.region, outputs=("mask",), **made.options)[2]
    np.testing.assert_array_equal(whole.mask, public(log_p, log_q, advantage, inside, theirs, 5.0))
    out = cppo.policy_loss(log_p, log_q, advantage, valid, region=made.region, outputs=("weight",), **made.options)[2]
    for b in range(len(valid)):
        at = np.flatnonzero(valid[b])
        falls, ours = theirs(at, len(at), valid.shape[1]), out.weight[b, at]
        assert (falls <= ours + 1e-12).all()
        assert (len(at) < 2) or (falls < ours - 1e-9).any() == bool((at != np.arange(len(at))).any())


@pytest.mark.parametrize("name", ["verl_dppo_tv", "verl_dppo_kl", "stable_rl_dppo_tv", "unirl_dppo"])
def test_holes_change_nothing_for_codes_of_one_token(name):
    log_p, log_q, advantage, inside, valid = batch(3)
    ids = np.arange(4).reshape(1, 1, 4).repeat(5, 0).repeat(31, 1)
    lists = [np.log(np.full(ids.shape, x)) for x in (0.2, 0.18)]
    lent = {"token_id": ids[..., 0] + 9, "top_k": cppo.TopK(ids, *lists)} if "stable" in name else {}
    made = getattr(parity, name)()
    masks = [cppo.policy_loss(log_p, log_q, advantage, m, region=made.region, outputs=("mask",), **lent,
                              **made.options)[2].mask for m in (inside, valid)]
    np.testing.assert_array_equal(masks[1], masks[0] & valid)
