"""The audit of a dump: its figures against plain formulas, every reader, and what it says of bad files."""

from __future__ import annotations

import json
import pathlib
import re
import shlex
import tracemalloc
import xml.dom.minidom

import cppo
import dumps
import numpy as np
import pytest
from cppo.audit import Condition, InputError, SCHEMA, audit
from cppo.audit.__main__ import main

REGIONS = ["clip=ppo(epsilon = 0.2)", "dppo(delta = 0.1)", "fixed_cppo(delta = 0.15, delta_b = 0.02)"]


@pytest.fixture(scope="module")
def batch():
    return dumps.rollouts()


@pytest.fixture
def lines(batch, tmp_path):
    return dumps.cppo_lines(tmp_path / "own.jsonl", batch)


def arrays_of(batch):
    return [batch[n] for n in ("log_prob", "rollout_log_prob", "advantage", "response_mask")]


def flat(batch, name):
    return batch[name][batch["response_mask"]].astype(np.float64)


def masked_by_formula(batch):
    """What PPO and DPPO mask, from the equations alone."""
    p, q, a = (flat(batch, n) for n in ("log_prob", "rollout_log_prob", "advantage"))
    ratio, d = np.exp(p - q), np.abs(np.exp(p) - np.exp(q))
    toward = a * (ratio - 1) <= 0
    assert np.abs(d - 0.1).min() > 1e-6 and min(np.abs(ratio - 0.8).min(), np.abs(ratio - 1.2).min()) > 1e-6
    return ~toward & ((ratio < 0.8) | (ratio > 1.2)), ~toward & (d > 0.1), d, a, toward


def figures(result, label):
    return result.figures.regions[label]


def test_figures_are_those_of_the_equations(batch, lines):
    clip, dppo, d, a, toward = masked_by_formula(batch)
    result = audit(lines, REGIONS)
    for label, masked in (("clip", clip), ("dppo", dppo)):
        f = figures(result, label)
        assert f["masked"] == pytest.approx(masked.mean()) and f["kept_toward"] == pytest.approx(toward.mean())
        assert f["masked_positive"] == pytest.approx(masked[a > 0].mean())
        assert f["masked_negative"] == pytest.approx(masked[a < 0].mean())
        assert f["masked_teaching"] == pytest.approx(masked[a != 0].mean())
        assert f["mean_divergence"] == pytest.approx(d.mean(), rel=1e-5)
        assert f["max_divergence"] == pytest.approx(d.max(), rel=1e-5)
        for share, name in ((0.5, "divergence_median"), (0.9, "divergence_90"), (0.99, "divergence_99")):
            exact = np.quantile(d, share, method="inverted_cdf")
            assert exact * (1 - 1e-6) <= f[name] <= exact * (1 + 1 / 16) * (1 + 1e-6)
    assert figures(result, "clip")["masked_ratio"] == figures(result, "clip")["masked"]
    assert figures(result, "dppo")["masked_divergence"] == figures(result, "dppo")["masked"]
    assert result.figures.agreement["clip", "dppo"] == pytest.approx((clip == dppo).mean())
    assert result.figures.agreement["clip", "clip"] == 1.0


def test_counts_by_sign_cause_and_position_are_those_of_the_trace(batch, lines):
    """Against one call on the padded batch, and positions counted in a loop."""
    region = cppo.region(REGIONS[2])
    _, report, out = cppo.policy_loss(*arrays_of(batch), region=region, outputs=("decision", "divergence"))
    r = audit(lines, REGIONS).data["regions"][2]
    signs, shares, doublings, drift = np.zeros((3, 8)), np.zeros((20, 8)), np.zeros((32, 8)), np.zeros(20)
    for i, valid in enumerate(batch["response_mask"]):
        for t, slot in enumerate(np.flatnonzero(valid)):
            decision, bin_ = out.decision[i, slot], 20 * t // valid.sum()
            signs[int(np.sign(batch["advantage"][i, slot])) + 1, decision] += 1
            shares[bin_, decision] += 1
            doublings[(t + 1).bit_length() - 1, decision] += 1
            drift[bin_] += out.divergence[i, slot]
    for rows, expected in ((r["by_sign"], signs), (r["by_relative_position"], shares), (r["by_position"], doublings)):
        for row, counts in zip(rows, expected):
            assert row["tokens"] == counts.sum() and row["masked"] == counts[3:].sum()
            assert [row[d.name] for d in cppo.Decision if d] == counts[1:].tolist()
        assert not expected[len(rows):].any()
    assert [b["masked"] for b in r["by_relative_position"]] == report.position_masked.tolist()
    expected = [d / n if n else None for d, n in zip(drift, shares.sum(1))]
    assert r["mean_divergence_by_relative_position"] == pytest.approx(expected, rel=1e-5)
    assert r["figures"]["masked_budget"] == report.masked_budget / report.tokens > 0
    of_response = [(out.decision[i, v] >= 3).mean() for i, v in enumerate(batch["response_mask"])]
    assert r["figures"]["worst_response"] == pytest.approx(max(of_response))
    assert sum(r["responses_by_masked_share"]) == len(of_response)
    assert r["responses_by_masked_share"][0] == sum(x == 0 for x in of_response)


def test_a_sweep_is_the_region_at_each_value(batch, lines):
    result = audit(lines, REGIONS, sweeps=["delta=0.05:0.2:4", "fixed_cppo.delta_b=0.001:0.1:3:log", "epsilon=0.3,0.1"])

    def masked(region):
        return cppo.policy_loss(*arrays_of(batch), region=region)[1].masked_fraction
    clip, dppo, fixed = ({s["name"]: s for s in r["sweeps"]} for r in result.data["regions"])
    assert [p["masked"] for p in dppo["delta"]["points"]] == [masked(cppo.dppo(delta=d)) for d in (.05, .1, .15, .2)]
    assert [p["value"] for p in fixed["fixed_cppo.delta_b"]["points"]] == [0.001, 0.01, 0.1]
    assert [p["masked"] for p in fixed["fixed_cppo.delta_b"]["points"]] == [
        masked(cppo.fixed_cppo(delta=0.15, delta_b=b)) for b in (0.001, 0.01, 0.1)]
    assert [p["masked"] for p in clip["epsilon"]["points"]] == [masked(cppo.ppo(epsilon=e)) for e in (0.3, 0.1)]
    assert (clip["epsilon"]["own"], dppo["delta"]["own"]) == (0.2, 0.1) and list(clip) == ["epsilon"]
    point = fixed["delta"]["points"][0]
    assert point["masked"] == pytest.approx(point["masked_divergence"] + point["masked_budget"])


@pytest.mark.parametrize("text, name, expected, own", [
    ("fixed_cppo", "delta", "fixed_cppo(delta = $0)", 0.15),
    ("fixed_cppo()", "delta", "fixed_cppo(delta = $0)", 0.15),
    ("fixed_cppo(0.1, 0.02)", "delta_b", "fixed_cppo(0.1, $0)", 0.02),
    ("dppo(delta=0.1, divergence = k3)", "delta_low", "dppo(delta=0.1, divergence = k3, delta_low = $0)", None),
    ("trust_region(k3, linear_weight(0.8), toward_rollout | (divergence_within(0.1) & prefix_budget(0.3, 0.02)))",
     "delta", "trust_region(k3, linear_weight(0.8), toward_rollout | (divergence_within($0) & "
     "prefix_budget($0, 0.02)))", 0.1),
    ("trust_region(k3, linear_weight(0.8), divergence_within(0.1) & prefix_budget(0.3, calibrated_budget(0.02)))",
     "prefix_budget.delta", "trust_region(k3, linear_weight(0.8), divergence_within(0.1) & prefix_budget($0, "
     "calibrated_budget(0.02)))", 0.3),
    ("softened(calibrated_cppo, reciprocal_gate)", "scale",
     "softened(calibrated_cppo(scale = $0), reciprocal_gate)", 1.0),
    ("reporting(ppo(epsilon=0.1), binary_kl)", "epsilon", "reporting(ppo(epsilon=$0), binary_kl)", 0.1),
])
def test_a_number_is_found_by_its_name(text, name, expected, own):
    from cppo.audit.sweep import placed
    found = placed(text, name)
    assert found is not None and (found.text, found.own) == (expected, own)
    assert cppo.region(found.text, (0.2,)) != cppo.region(text)


def test_sweeps_of_json_and_presets_are_of_what_they_stand_for(lines):
    result = audit(lines, ['{"fixed_cppo": {"delta": 0.2}}', "presets::moe_base"], sweeps=["delta=0.2"])
    for r in result.data["regions"]:
        assert r["sweeps"][0]["points"][0]["masked"] == r["figures"]["masked"] and r["sweeps"][0]["own"] == 0.2


@pytest.mark.parametrize("text", ["delta", "delta=", "delta=1:2", "delta=1:2:0", "delta=1:2:9999", "delta=0:2:3:log",
                                  "delta=1:2:3:lin", "delta=a", "=1:2:3", "a b=1", "delta=1:2:3:log:4"])
def test_a_sweep_that_is_none(lines, text):
    with pytest.raises(InputError, match="NAME=FROM:TO:COUNT"):
        audit(lines, REGIONS, sweeps=[text])


def test_a_sweep_of_no_number_or_out_of_range(lines):
    with pytest.raises(InputError, match="--sweep gamma: no region has this number; they have delta, .*epsilon"):
        audit(lines, REGIONS, sweeps=["gamma=0.1"])
    with pytest.raises(InputError, match=r"--sweep delta=-1 in dppo: .*delta"):
        audit(lines, REGIONS, sweeps=["delta=-1,1"])


def same(a, b):
    """Two audits of the same responses: all but names of files, places and notes."""
    for x, y in zip(a["regions"], b["regions"]):
        for key in x:
            if key == "figures":
                assert x[key] == pytest.approx(y[key], rel=1e-12)
            elif key == "mean_divergence_by_relative_position":
                assert x[key] == pytest.approx(y[key], rel=1e-12)
            else:
                assert x[key] == y[key]
    return a["tokens"] == b["tokens"] and a["agreement"] == b["agreement"] and a["slots"] == b["slots"]


WRITERS = {
    "prime-rl": lambda p, b: dumps.prime_rl(p / "rank_0.jsonl", b),
    "prime-rl, one loss": lambda p, b: dumps.prime_rl(p / "rank_0.jsonl", b, losses=False),
    "NeMo-RL": lambda p, b: dumps.nemo_rl(p / "train_data_step1.jsonl", b),
    "npz": lambda p, b: np.savez(p / "a.npz", **b) or p / "a.npz",
    "npz, deflated and packed": lambda p, b: np.savez_compressed(p / "a.npz", **dumps.packed(b)) or p / "a.npz",
    "safetensors": lambda p, b: dumps.write_tensors(p / "a.safetensors", b),
    "safetensors, packed": lambda p, b: dumps.write_tensors(p / "a.safetensors", dumps.packed(b)),
    "npz, prime-rl's names": lambda p, b: np.savez(
        p / "a.npz", trainer_logprobs=b["log_prob"], inference_logprobs=b["rollout_log_prob"],
        advantages=b["advantage"], loss_mask=b["response_mask"]) or p / "a.npz",
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("slots", [50, 1 << 16])
def test_every_format_gives_the_same_audit(batch, lines, tmp_path, kind, slots):
    expected = audit(lines, REGIONS, sweeps=["delta=0.1,0.2"]).data
    found = audit(WRITERS[kind](tmp_path, batch), REGIONS, sweeps=["delta=0.1,0.2"], slots=slots).data
    assert same(found, expected) and found["responses"] == 7 and (found["chunks"] > 1) == (slots == 50)
    for r, s in zip(found["worst"], expected["worst"]):
        assert r["log_prob"] == s["log_prob"] and [x["decision"] for x in r["regions"]] == [
            x["decision"] for x in s["regions"]]


def test_parquet_gives_the_same_audit(batch, lines, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet
    path = tmp_path / "a.parquet"
    for name in ("cppo", "prime-rl"):
        if name == "prime-rl":
            dumps.prime_rl(lines, batch)
        rows = [json.loads(line) for line in lines.read_text().splitlines()]
        table = pyarrow.Table.from_pylist(rows)
        numbers = pyarrow.list_(pyarrow.float32())
        types = [f.with_type(numbers) if f.type == pyarrow.list_(pyarrow.float64()) else f for f in table.schema]
        parquet.write_table(table.cast(pyarrow.schema(types)), path, row_group_size=3)
        assert same(audit(path, REGIONS).data, audit(dumps.cppo_lines(lines, batch), REGIONS).data)


def test_half_types_and_bfloat16(batch, tmp_path):
    rounded = {**batch, **{n: (batch[n].view(np.uint32) >> 16 << 16).view(np.float32)
                           for n in ("log_prob", "rollout_log_prob")}}
    dtypes = {"log_prob": "BF16", "rollout_log_prob": "BF16"}
    found = audit(dumps.write_tensors(tmp_path / "b.safetensors", rounded, dtypes), REGIONS).data
    assert same(found, audit(dumps.cppo_lines(tmp_path / "a.jsonl", rounded), REGIONS).data)
    half = {**batch, "log_prob": batch["log_prob"].astype(np.float16), "advantage": batch["advantage"].astype(">f8")}
    np.savez(tmp_path / "h.npz", **half)
    half["log_prob"] = half["log_prob"].astype(np.float32)
    assert same(audit(tmp_path / "h.npz", REGIONS).data, audit(dumps.cppo_lines(tmp_path / "h.jsonl", half),
                                                               REGIONS).data)


def test_safetensors_as_its_own_library_writes_it(batch, lines, tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file(batch, tmp_path / "a.safetensors")
    assert same(audit(tmp_path / "a.safetensors", REGIONS).data, audit(lines, REGIONS).data)


def test_lent_divergences_and_lists(batch, tmp_path):
    random = np.random.default_rng(1)
    b, t = batch["log_prob"].shape
    lists = {"top_k_ids": np.tile(np.arange(1000, 1004), (b, t, 1)),
             "top_k_log_probs": np.log(random.dirichlet(np.ones(9), (b, t))[..., :4]).astype(np.float32),
             "top_k_rollout_log_probs": np.log(random.dirichlet(np.ones(9), (b, t))[..., :4]).astype(np.float32)}
    small = {n: (x - 3).astype(np.float32) if "log_prob" in n else x for n, x in batch.items()}
    everything = {**small, **lists, "divergence_values": random.random((b, t)).astype(np.float32)}
    np.savez(tmp_path / "a.npz", **everything)
    texts = ["dppo(delta = 0.5, divergence = precomputed)", "dppo(delta = 0.3, divergence = top_k_tv)"]
    expected = [cppo.policy_loss(*arrays_of(small), region=cppo.region(text),
                                 divergence_values=everything["divergence_values"],
                                 token_id=small["token_id"], top_k=cppo.TopK(*lists.values()))[1] for text in texts]
    rows = [{n: x[i].tolist() for n, x in everything.items()} for i in range(b)]
    for path in (tmp_path / "a.npz", dumps.write_lines(tmp_path / "a.jsonl", rows)):
        found = audit(path, texts, slots=64).data["regions"]
        assert [r["figures"]["masked"] for r in found] == [e.masked_fraction for e in expected]
    with pytest.raises(InputError, match='own.jsonl, line 1: a region reads divergence_values, but the field '
                                         '"divergence_values" is missing.*--field divergence_values=NAME'):
        audit(dumps.cppo_lines(tmp_path / "own.jsonl", batch), texts[:1])


def test_several_versions_of_log_prob(batch, tmp_path):
    rows = [{"log_prob": {"0": q.tolist(), "16": p.tolist()}, "rollout_log_prob": q.tolist(), "advantage": 1}
            for p, q in zip(batch["log_prob"], batch["rollout_log_prob"])]
    path = dumps.write_lines(tmp_path / "a.jsonl", rows)
    newest, oldest = audit(path, REGIONS), audit(path, REGIONS, updates=0)
    assert "log_prob is that after 16 updates, of 0, 16: choose by --updates" in newest.data["notes"]
    assert figures(newest, "dppo")["masked"] > figures(oldest, "dppo")["masked"] == 0
    with pytest.raises(InputError, match='line 1: "log_prob" is there after 0, 16 updates, not after 3'):
        audit(path, REGIONS, updates=3)


def test_fields_of_other_names(batch, lines, tmp_path):
    np.savez(tmp_path / "a.npz", old=batch["rollout_log_prob"], new=batch["log_prob"], adv=batch["advantage"],
             keep=batch["response_mask"])
    names = {"rollout_log_prob": "old", "log_prob": "new", "advantage": "adv", "response_mask": "keep"}
    assert same(audit(tmp_path / "a.npz", REGIONS, names=names).data, audit(lines, REGIONS).data)
    with pytest.raises(InputError, match="there is no input mask: there are log_prob, .*response_mask"):
        audit(lines, REGIONS, names={"mask": "keep"})


def test_a_folder_is_read_in_order_and_an_unfinished_step_is_said(batch, tmp_path):
    for step in (2, 10):
        folder = tmp_path / "token_exports" / f"step_{step}"
        folder.mkdir(parents=True)
        dumps.prime_rl(folder / "rank_0.jsonl", batch)
    (tmp_path / "token_exports" / "step_2" / "STABLE").touch()
    data = audit(tmp_path, REGIONS).data
    assert [re.search(r"step_\d+", f)[0] for f in data["files"]] == ["step_2", "step_10"]
    assert data["notes"] == ["step_10 has no file STABLE: prime-rl may still be writing it"]
    assert data["responses"] == 14


def test_without_advantages_the_most_that_can_be_masked(batch, tmp_path):
    without = {n: x for n, x in batch.items() if n != "advantage"}
    np.savez(tmp_path / "a.npz", **without)
    np.savez(tmp_path / "b.npz", **batch)
    found, whole = audit(tmp_path / "a.npz", REGIONS), audit(tmp_path / "b.npz", REGIONS)
    d = np.abs(np.exp(flat(batch, "log_prob")) - np.exp(flat(batch, "rollout_log_prob")))
    assert figures(found, "dppo")["masked"] == pytest.approx((d > 0.1).mean())
    assert all(figures(found, r)["masked"] >= figures(whole, r)["masked"] for r in ("clip", "dppo", "fixed_cppo"))
    assert figures(found, "dppo")["masked_positive"] is None and not found.data["has_advantage"]
    assert '"advantage" is missing: each update is taken to move away' in found.data["notes"][0]
    with pytest.raises(InputError, match="masked_positive is not known of this dump: it has no advantages"):
        Condition("masked_positive > 0.1", ["clip"]).holds(found.figures)
    assert found.data["regions"][0]["by_sign"] is None and "  Â > 0" not in found.as_text()
    found.as_html()


def test_records_without_tokens_are_counted(batch, tmp_path):
    empty = {**batch, "response_mask": batch["response_mask"] & (np.arange(7) % 2 == 0)[:, None]}
    data = audit(dumps.cppo_lines(tmp_path / "a.jsonl", empty), REGIONS).data
    assert data["responses"] == 4 and data["notes"] == [
        "a record without a token of a response is left out (3 records)"]
    empty["response_mask"] = np.zeros_like(empty["response_mask"])
    with pytest.raises(InputError, match="no record holds a token of a response"):
        audit(dumps.cppo_lines(tmp_path / "a.jsonl", empty), REGIONS)


def test_bad_input_is_counted_and_placed(batch, tmp_path):
    bad = {n: x.copy() for n, x in batch.items()}
    slot = np.flatnonzero(bad["response_mask"][3])[5]
    bad["log_prob"][3, slot] = np.nan
    bad["log_prob"][5, ~bad["response_mask"][5]] = np.nan  # no token: nobody looks
    path = dumps.write_lines(tmp_path / "a.jsonl", [
        {n: [None if v != v else v for v in x[i].tolist()] for n, x in bad.items()} for i in range(7)])
    place = f"a.jsonl, line 4, slot {slot}: log_prob .* is nan, but must be finite"
    data = audit(path, REGIONS, slots=50).data
    assert (data["rejected_responses"], data["bad_tokens"]) == (1, 1) and re.search(place, data["first_bad_input"])
    assert data["tokens"] == batch["response_mask"].sum() - batch["response_mask"][3].sum()
    assert audit(path, REGIONS, bad_input="exclude").data["tokens"] == batch["response_mask"].sum() - 1
    with pytest.raises(InputError, match=place + ".*--bad-input leave_out"):
        audit(path, REGIONS, bad_input="reject")


def test_findings_of_all_chunks_are_put_together(batch, tmp_path):
    same_policies = {**dumps.rollouts(40, 60), "rollout_log_prob": dumps.rollouts(40, 60)["log_prob"]}
    path = dumps.cppo_lines(tmp_path / "a.jsonl", same_policies)
    data = audit(path, ["fixed_cppo(delta = 2)", "dppo"], slots=600).data
    found = {(f["name"], f["region"]): f for f in data["findings"]}
    assert found["identical_policies", None]["chunks"] == data["chunks"] > 1
    assert found["threshold_out_of_reach", "fixed_cppo"]["sentence"] and len(data["findings"]) == 2
    assert found["identical_policies", None]["tokens"] == data["tokens"]


def test_the_worst_responses(batch, lines):
    _, report, out = cppo.policy_loss(*arrays_of(batch), region=cppo.dppo(delta=0.1), outputs=cppo.TRACE)
    masked, tokens = (out.decision >= 3).sum(1), batch["response_mask"].sum(1)
    for rank_by, score in (("masked", masked), ("share", masked / tokens), ("drift", out.divergence.sum(1))):
        data = audit(lines, ["dppo(delta = 0.1)", "ppo"], worst=2, rank_by=rank_by, slots=50).data
        order = np.lexsort((np.arange(7), -out.divergence.sum(1), -score))[:2]
        assert [w["place"] for w in data["worst"]] == [f"own.jsonl, line {i + 1}" for i in order]
    i, w = order[0], data["worst"][0]
    part = slice(w["first_slot"], w["first_slot"] + len(w["active"]))
    trace = w["regions"][0]
    assert trace["decision"] == [cppo.Decision(d).name for d in out.decision[i, part]]
    for name in ("divergence", "weighted_divergence", "prefix_drift", "threshold", "weight"):
        np.testing.assert_allclose(trace[name], getattr(out, name)[i, part], rtol=1e-5, err_msg=name)
    assert w["token_id"] == batch["token_id"][i, part].tolist() and w["regions"][1]["threshold"][0] is None
    assert audit(lines, worst=0).data["worst"] == []
    lines.write_text(lines.read_text().splitlines(keepends=True)[0] * 4)
    assert [w["place"][-1] for w in audit(lines, worst=2).data["worst"]] == ["1", "2"]  # of equal ones the first


REFUSED = {
    "": "no record holds a token of a response",
    "[1]\n": "a: neither by its first bytes nor by its name",
    '{"log_prob": [-1}\n': "a, line 1: not valid JSON: .* in column 17; each line must be one JSON object",
    '{"a": ' + "[" * 100000 + "\n": "a, line 1: (lists lie too deep|not valid JSON)",
    '{"input": "x", "output": "y", "score": 1}\n':
        'a, line 1: log-probs of both policies are needed, as "log_prob" and "rollout_log_prob" .cppo., or .*'
        "the fields here are input, output, score.*--field.*verl",
    '{"log_prob": [-1, "x"], "rollout_log_prob": [-1, -1], "advantage": 1}\n':
        r'a, line 1: "log_prob"\[1\] must be a number, but is a string',
    '{"log_prob": [-1, -2, -3], "rollout_log_prob": [-1, -1], "advantage": 1}\n':
        'a, line 1: "log_prob" has 3 values, but "rollout_log_prob" has 2',
    '{"log_prob": {"x": [-1]}, "rollout_log_prob": [-1], "advantage": 1}\n':
        'a, line 1: the keys of "log_prob" must be numbers of updates',
    '{"log_prob": "x", "rollout_log_prob": [-1], "advantage": 1}\n':
        'a, line 1: "log_prob" must be an array of numbers, but is a string',
    '{"log_prob": [[-1]], "rollout_log_prob": [-1], "advantage": 1}\n':
        'a, line 1: "log_prob" must have 1 dimension, but has 2',
    '{"log_prob": [-1, [2]], "rollout_log_prob": [-1, -1], "advantage": 1}\n':
        r'a, line 1: "log_prob"\[1\] must be a number, but is a list',
    '{"log_prob": [-1], "rollout_log_prob": [-1], "advantage": 1, "response_mask": [0.5]}\n':
        r'a, line 1: "response_mask"\[0\] is 0.5, neither 0 nor 1',
    '{"log_prob": [-1], "rollout_log_prob": [-1], "advantage": 1, "response_ids": [0.5]}\n':
        'a, line 1: "response_ids" must hold token ids, but holds 0.5',
    '{"log_prob": [-1], "rollout_log_prob": [-1], "advantage": 1, "tokens": ["a", "b"]}\n':
        'a, line 1: "tokens" has 2 values, but "rollout_log_prob" has 1',
    '{"log_prob": [-1], "rollout_log_prob": [-1], "advantage": 1, "tokens": [1]}\n':
        'a, line 1: "tokens" must be an array of strings',
    '{"log_prob": [-1], "rollout_log_prob": [-1], "advantage": 1}\n{"log_prob": [-1], "rollout_log_prob": [-1]}\n':
        'a, line 2: "advantage" is missing, unlike in the records before',
    '{"log_prob": [-1], "rollout_log_prob": [-1], "advantage": 1}\n\n7\n': "a, line 3: each line must be a JSON object",
    '{"prev_logprobs": [-1], "generation_logprobs": [-1]}\n':
        'a, line 1: the field "token_loss_mask" is missing, and without it the prompt cannot be told',
    '{"trainer_logprobs": [-1], "inference_logprobs": [-1], "losses": []}\n':
        'a, line 1: "losses" has 0 values, but "inference_logprobs" has 1',
}


@pytest.mark.parametrize("content", REFUSED, ids=range(len(REFUSED)))
def test_bad_lines_are_refused_with_their_place(tmp_path, content):
    (tmp_path / "a").write_text(content)
    with pytest.raises(InputError, match=REFUSED[content]) as e:
        audit(tmp_path / "a", REGIONS)
    assert "\n" not in str(e.value)


def tensors_of(path, batch, **changes):
    """A safetensors file whose header says something else of log_prob."""
    raw = dumps.write_tensors(path, batch).read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + length])
    header["log_prob"].update(changes)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length:])
    return path


def test_bad_arrays_are_refused_with_their_place(batch, tmp_path):
    def refused(path, match):
        with pytest.raises(InputError, match=match) as e:
            audit(path, REGIONS)
        assert "\n" not in str(e.value)
    npz, tensors = tmp_path / "a.npz", tmp_path / "a.safetensors"

    def save(**changed):
        np.savez(npz, **{**batch, **changed})
        return npz
    refused(save(log_prob=batch["log_prob"].T.copy()), r'a.npz: "log_prob" has shape \[40, 7\], but "rollout_log_prob"')
    refused(save(log_prob=np.asfortranarray(batch["log_prob"])), r'"log_prob" is stored by columns.*ascontiguousarray')
    refused(save(log_prob=batch["log_prob"].astype(object)), '"log_prob" holds Python objects')
    refused(save(log_prob=batch["log_prob"].astype("U5")), 'response 0: "log_prob" must hold numbers, .* dtype <U5')
    refused(save(rollout_log_prob=np.zeros((2, 2, 2))), r'must have shape \[B, T\] with T above 0, or \[N\]')
    refused(tensors_of(tensors, batch, data_offsets=[0, 0], shape=[10**15, 0]), "of shape|has shape")
    refused(save(rollout_log_prob=np.zeros((3, 0)), log_prob=np.zeros((3, 0))), "with T above 0")
    refused(save(cu_seqlens=np.array([0, 9, 3])), '"cu_seqlens" must begin with 0 and never fall')
    refused(save(cu_seqlens=np.array([0.0, 9.0])), '"cu_seqlens" must be whole numbers')
    refused(save(cu_seqlens=np.array([0, 5, 12])), "has shape .* but cu_seqlens covers 12 slots of 2 responses")
    npz.write_bytes(save().read_bytes()[:-300])
    refused(npz, "a.npz: not a whole NPZ file")
    tensors.write_bytes(dumps.write_tensors(tensors, batch).read_bytes()[:-3])
    refused(tensors, 'a.safetensors: "token_id" .* data_offsets are .*cut off')
    refused(tensors_of(tensors, batch, data_offsets=[0, 10**15]), '"log_prob" .* cut off or damaged')
    refused(tensors_of(tensors, batch, dtype="F8_E4M3"), "has dtype F8_E4M3, but must have one of F64")
    refused(tensors_of(tensors, batch, shape=[-1, 40]), "lacks a shape or data_offsets that are whole numbers")
    tensors.write_bytes(b"\xff" * 20)
    refused(tensors, "not a whole safetensors file: its header would be")
    (tmp_path / "a.pt").write_bytes(b"\x80\x02}")
    refused(tmp_path / "a.pt", "can run code when it is read.*safetensors.torch.save_file")
    refused(tmp_path / "nowhere", "there is no such file or folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "the folder holds no file that ends with .jsonl")
    (tmp_path / "a.parquet").write_bytes(b"PAR1" * 5)
    refused(tmp_path / "a.parquet", "not a whole Parquet file|needs pyarrow: pip install pyarrow")


def test_whatever_stands_in_a_file_it_is_read_or_refused(batch, tmp_path):
    small = {n: x[:2, :9] for n, x in batch.items()}
    small["response_mask"] = np.ones((2, 9), bool)
    seeds = [dumps.cppo_lines(tmp_path / "a", small), dumps.prime_rl(tmp_path / "b", small),
             dumps.nemo_rl(tmp_path / "c", small), dumps.write_tensors(tmp_path / "d", small)]
    for name, save in (("e.npz", np.savez), ("f.npz", np.savez_compressed)):
        save(tmp_path / name, **dumps.packed(small))
        seeds.append(tmp_path / name)
    random, read = np.random.default_rng(5), 0
    for seed in seeds:
        content = seed.read_bytes()
        for _ in range(60):
            mutated = bytearray(content)
            for at in random.integers(0, len(content), random.integers(1, 4)):
                is_bit = random.random() < 0.5
                mutated[at] = mutated[at] ^ (1 << random.integers(8)) if is_bit else random.integers(0, 256)
            seed.write_bytes(mutated[:random.integers(1, len(mutated))] if random.random() < 0.2 else mutated)
            try:
                audit(seed, ["dppo"], worst=0)
                read += 1
            except InputError as e:
                assert "\n" not in str(e)
    assert read > 20


def test_conditions(lines):
    result = audit(lines, REGIONS)

    def holds(text):
        return Condition(text, ["clip", "dppo", "fixed_cppo"]).holds(result.figures)
    assert holds("masked > 0.9") == [] and holds("masked * 2 - masked - masked != 0") == []
    assert holds("masked / tokens > 1 or -masked > 0") == []
    assert len(holds("masked > 0")) == 3 and len(holds("not masked <= 0 and tokens > 1")) == 3
    assert holds("masked > 2 and tokens > 1") == [] and holds("masked > 2 or tokens > 1")
    assert holds("1 > 2 and 1 > 2 or 2 > 1")  # `and` binds first
    clip = figures(result, "clip")["masked"]
    assert holds("clip.masked > 1%") == [f"clip.masked > 1% holds: clip.masked is {clip:.6g}"]
    assert holds("masked_ratio > 0.01") == [f"masked_ratio > 0.01 holds for clip: masked_ratio is {clip:.6g}"]
    alike = result.figures.agreement["clip", "dppo"]
    assert holds("agreement(clip, dppo) < 1") == [
        f"agreement(clip, dppo) < 1 holds: agreement(clip, dppo) is {alike:.6g}"]
    assert holds("clip.masked - dppo.masked == 0") == []
    assert holds("1 + 2 * 3 == 7 and (1 + 2) * 3 == 9 and 8 / 4 / 2 == 1 and not (1 > 2 or 2 < -1)")
    with pytest.raises(InputError, match="divided by 0"):
        holds("masked / (tokens - tokens) > 1")


@pytest.mark.parametrize("text, column, said", [
    ("maskd > 0.3", 1, "there is no figure 'maskd': there are masked, masked_ratio, .*tokens.*agreement"),
    ("masked >", 9, "a number, a figure or a bracket is expected"),
    ("masked > 0.3 &", 14, "'&' means nothing here"),
    ("masked > 0.3 tokens", 14, "`and`, `or`, or the end is expected"),
    ("masked", 7, "a comparison such as masked > 0.3 is expected"),
    ("(masked > 0.3", 14, r"'\)' is expected"),
    ("masked > (tokens > 3)", 22, "a number is expected before this"),
    ("dpo.masked > 0.3", 1, "no region has the label dpo: there are clip, dppo, fixed_cppo"),
    ("dppo.loss > 0.3", 6, "a region has no figure 'loss': it has masked"),
    ("agreement(clip) < 1", 15, "',' is expected"),
    ("agreement(clip, x) < 1", 17, "the label of a region is expected: clip"),
    ("masked and tokens > 1", 8, "a comparison is expected before this"),
    ("1 < masked < 2", 12, "the end is expected"),
    ("-" * 60 + "1 > 0", 52, "at most 50 brackets and signs"),
    ("", 1, "a number, a figure or a bracket"),
])
def test_conditions_that_are_none(text, column, said):
    with pytest.raises(InputError, match=f"--fail-if .*: column {column}: .*{said}"):
        Condition(text, ["clip", "dppo", "fixed_cppo"])


def run(capsys, *arguments):
    code = main([str(a) for a in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def regions_given():
    return [x for r in REGIONS for x in ("--region", r)]


def test_the_command_line(lines, tmp_path, capsys):
    code, out, err = run(capsys, lines, *regions_given(), "--fail-if", "masked > 0.99", "--sweep", "delta=0.1:0.2:2",
                         "--json", tmp_path / "a.json", "--html", tmp_path / "a.html")
    assert (code, err) == (0, "") and "fixed_cppo" in out and max(map(len, out.splitlines())) <= 120
    assert json.loads((tmp_path / "a.json").read_text())["failed"] == []
    assert (tmp_path / "a.html").read_text().startswith("<!DOCTYPE html>")
    code, out, err = run(capsys, lines, *regions_given(), "--fail-if", "clip.masked > 1%", "--json", "-")
    assert code == 1 and json.loads(out)["failed"] and "cppo.audit: failed: clip.masked > 1% holds" in err


@pytest.mark.parametrize("arguments, said", [
    (["--region", "fixed_cpo"], "cppo.audit: --region\n  fixed_cpo\n  \\^\n.*column 1"),
    (["--region", "fixed_cppo(delta = )"], "\n  fixed_cppo.delta = .\n {21}\\^\n"),
    (["--region", "and=dppo"], "a label is one word"),
    (["--region", "a=dppo", "--region", "a=ppo"], "two regions have this label"),
    (["--fail-if", "maskd > 1"], "there is no figure 'maskd'"),
    (["--sweep", "delta=1"], "FROM:TO:COUNT|out of|delta"),
    (["--field", "log_prob"], "--field log_prob: must be INPUT=NAME"),
    (["--worst", "-1"], "--worst -1: must be at least 0"),
    (["--chunk", "0"], "--chunk 0: must be at least 1"),
    (["--html", "/nowhere/a.html"], "/nowhere/a.html: cannot be written"),
    (["--tokenizer", "/nowhere/t.json"], "needs the package tokenizers|not a tokenizer.json"),
])
def test_what_the_command_line_refuses(lines, capsys, arguments, said):
    if arguments[0] == "--sweep":
        arguments = ["--sweep", "delta=1:2"]
    code, _, err = run(capsys, lines, *arguments)
    assert code == 2 and re.search(said, err)


def shape(x):
    """The keys of JSON, and of the first element of each list."""
    if isinstance(x, dict):
        return {k: shape(v) for k, v in x.items()}
    return [shape(x[0])] if isinstance(x, list) and x else type(x).__name__ if not isinstance(x, list) else []


def test_the_schema_of_the_json_is_stable(lines):
    counts = {"from": "str", **dict.fromkeys(["tokens", "masked", *(d.name for d in cppo.Decision if d)], "int")}
    trace = {n: ["float"] for n in cppo.TRACE if n != "decision"}
    point = dict.fromkeys(["value", "masked", *(d.name for d in cppo.Decision if d > 1)], "float")
    data = json.loads(json.dumps(audit(lines, ["dppo(delta = 0.1)"], sweeps=["delta=0.1"]).data, allow_nan=False))
    assert data["schema"] == SCHEMA == "cppo.audit/1"
    found = shape(data)
    found["regions"][0].pop("figures"), found.pop("findings")
    assert found == {
        "schema": "str", "files": ["str"], "format": "str", "has_advantage": "bool", "responses": "int",
        "tokens": "int", "slots": "int", "bad_tokens": "int", "rejected_responses": "int",
        "first_bad_input": "NoneType", "notes": [], "chunks": "int", "agreement": [["float"]], "ranked_by": "str",
        "regions": [{"label": "str", "region": "str", "expression": "str", "by_sign": [counts],
                     "by_relative_position": [counts], "mean_divergence_by_relative_position": ["float"],
                     "by_position": [counts], "responses_by_masked_share": ["int"],
                     "sweeps": [{"name": "str", "own": "float", "points": [point]}]}],
        "worst": [{"place": "str", "first_slot": "int", "active": ["bool"], "tokens": "NoneType", "token_id": ["int"],
                   "log_prob": ["float"], "rollout_log_prob": ["float"], "advantage": ["float"],
                   "regions": [{"label": "str", "masked": "int", "tokens": "int", **trace, "decision": ["str"]}]}]}
    from cppo.audit.figures import OF_REGION
    assert list(data["regions"][0]["figures"]) == list(OF_REGION)


def test_the_page_is_whole_and_safe(batch, tmp_path):
    hostile = "<script>alert('x')</script>&\"\n"
    rows = [{n: x[i].tolist() for n, x in batch.items()} | {"tokens": [hostile] * 40} for i in range(7)]
    path = dumps.write_lines(tmp_path / "<b>&.jsonl", rows)
    page = audit(path, [*REGIONS, "trm_max(delta = 0.2)", "softened(fixed_cppo, reciprocal_gate)"],
                 sweeps=["delta=0.01:1:5:log"]).as_html()
    document = xml.dom.minidom.parseString(page.split("\n", 1)[1])
    for element in document.getElementsByTagName("*"):
        assert element.tagName not in ("script", "link", "img", "iframe", "object", "base", "form")
        for name, value in element.attributes.items():
            assert name not in ("src", "href", "srcset", "action") and not name.startswith("on") and "://" not in value
    style = document.getElementsByTagName("style")[0].firstChild.data
    assert "@import" not in style and "//" not in style and set(re.findall(r"url\(([^)]*)\)", style)) == {"#hatch"}
    sections = [e.firstChild.data for e in document.getElementsByTagName("h2")]
    assert len(sections) == 7 and "If delta were another" in sections
    text = "".join(n.data for n in document.getElementsByTagName("h3")[2].childNodes)
    assert text.startswith("2. <b>&.jsonl, line ")


def test_the_text_is_readable(batch, tmp_path):
    rows = [{n: x[i].tolist() for n, x in batch.items()} | {"tokens": ["word"] * 40} for i in range(7)]
    text = audit(dumps.write_lines(tmp_path / "a.jsonl", rows), REGIONS, sweeps=["delta=0.1,0.2"]).as_text()
    for title in ("Audit of ", "Findings", "Regions", "Masked, %", "Drift", "Agreement, %",
                  "Masked by relative position", "Masked by position", "Masked as delta changes", "Worst response 3"):
        assert f"\n{title}" in f"\n{text}", title
    assert "'word'" in text and "nan" not in text and "None" not in text


def test_memory_does_not_grow_with_the_dump(batch, tmp_path, monkeypatch):
    """Peaks of Python's memory, of a file and of one many times as long."""
    monkeypatch.setattr("cppo.audit.arrays._BLOCK", 1024)
    def peak(path):
        tracemalloc.start()
        audit(path, ["dppo"], worst=1, slots=512)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak
    line = dumps.cppo_lines(tmp_path / "a.jsonl", batch).read_text()
    peaks = []
    for times in (10, 60):
        (tmp_path / "a.jsonl").write_text(line * times)
        peaks.append(peak(tmp_path / "a.jsonl"))
    assert peaks[1] < 1.3 * peaks[0]
    for save in (np.savez, np.savez_compressed, lambda p, **x: dumps.write_tensors(p, x)):
        peaks = []
        for times in (10, 60):
            path = tmp_path / "a.npz"
            save(path, **{n: np.tile(x, (times, 1)) for n, x in batch.items()})
            peaks.append(peak(path))
        assert peaks[1] < 1.3 * peaks[0]


def test_progress_is_shown_on_a_terminal_alone(lines, monkeypatch, capsys):
    from cppo.audit import __main__ as command
    done = []
    audit(lines, REGIONS, progress=done.append)
    assert done == sorted(done) and done[-1] == lines.stat().st_size
    clock = iter(range(100))
    monkeypatch.setattr(command.time, "monotonic", lambda: next(clock))
    bar = command.Progress(200)
    bar(50)
    assert capsys.readouterr().err == ""
    bar.visible = True
    bar(50)
    assert re.match(r"\r\[#{7} +\]  25 %  .*MB/s +\d+ s left", capsys.readouterr().err)
    bar.clear()
    assert capsys.readouterr().err == "\r\x1b[K"


def test_texts_of_ids_come_from_a_tokenizer(lines, tmp_path, batch):
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {f"w{i}": i for i in range(500)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="w0"))
    made.save(str(tmp_path / "t.json"))
    worst = audit(lines, REGIONS, tokenizer=tmp_path / "t.json").data["worst"][0]
    assert worst["tokens"] == [f"w{i}" for i in worst["token_id"]]


def test_the_page_shows_what_is_printed(monkeypatch, capsys):
    root = pathlib.Path(__file__).resolve().parents[2]
    page = (root / "docs" / "audit.md").read_text(encoding="utf-8")
    shown = page.split("<!-- printed by python -m cppo.audit -->", 1)[1]
    command, text, failed = re.findall(r"^```(?:console|text)\n(.*?)^```", shown, re.S | re.M)[:3]
    monkeypatch.chdir(root)
    program, *arguments = shlex.split(command.replace("\\\n", ""))[1:]
    assert (program, arguments[:2]) == ("python", ["-m", "cppo.audit"])
    assert run(capsys, *arguments[2:]) == (1, text, failed)
    documented = set(re.findall(r"`(--[a-z-]+)", page))
    main_help = re.findall(r"--[a-z-]+", helped(capsys))
    assert documented <= set(main_help)


def helped(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    return capsys.readouterr().out
