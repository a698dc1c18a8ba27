"""The project's conformance vectors, from the same files as the C++ tests."""

from __future__ import annotations

import json
import pathlib

import cppo
import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "conformance" / "vectors"
CASES = [case for name in ("cppo_small", "cppo_packed", "cppo_padded_own_length", "cppo_padded_verl", "cppo_variants",
                           "edges", "cppo_long")
         for case in (json.loads((FOLDER / f"{name}.json").read_text()) if FOLDER.exists() else [])
         if case["kind"] == "cppo" and case["params"].get("single_token_weight") is None]


def region_of(p):
    """The region that the parameters of a case describe."""
    name = {"given": "precomputed"}.get(p["divergence"], p["divergence"])
    delta = [p["delta"]] if not isinstance(p["delta"], list) else p["delta"]
    mask = cppo.divergence_within(*delta)
    if p["prefix_budget"]:
        budget = cppo.fixed_budget(p["delta_b"])
        if p["calibrate"]:
            budget = cppo.calibrated_budget(p["delta_b"], p["quantile"], p["quantile_scale"], p["ceiling"])
        mask = mask & cppo.prefix_budget(delta[0], budget)
    weight = cppo.linear_weight(p["w_min"]) if p["position_weight"] == "linear" else cppo.uniform_weight
    made = cppo.trust_region(getattr(cppo, name), weight, cppo.toward_rollout | mask)
    return made if p["gate"] == "hard" else cppo.softened(made)


def inputs_of(case):
    shape = case.get("shape") or [len(case["inputs"]["logp_new"])]

    def array(x):
        return np.array([float(v) for v in x], np.float32).reshape(shape)
    i = case["inputs"]
    batch = [array(i[name]) for name in ("logp_new", "logp_old", "advantages")]
    if case.get("response_mask") is not None:
        batch.append(np.array(case["response_mask"], np.uint8).reshape(shape))
    options = {"divergence_values": array(i["divergence"])} if "divergence" in i else {}
    if case["layout"] == "packed":
        options["cu_seqlens"] = np.concatenate([[0], np.cumsum(case["lengths"])]).astype(np.int64)
    return batch, options


@pytest.mark.skipif(not CASES, reason="the vectors are in the checkout alone")
@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_a_vector(case):
    p, expected = case["params"], case["expected"]
    batch, options = inputs_of(case)
    form = {"ratio": "ratio", "sg_ratio_logp": "reinforce"}[p["loss_form"]]
    loss, report, out = cppo.policy_loss(
        *batch, region=region_of(p), aggregate="none", surrogate=form, ratio_cap=p["ratio_cap"] or 0.0,
        log_ratio_clamp=p["log_ratio_clamp"] or 0.0,
        positions={"own": "own_length", "padded": "padded_column"}[p["horizon"]],
        outputs=("gradient", "mask", "divergence", "weight"), **options)
    compared = np.ones(out.mask.size, bool)
    compared[case["skip"]] = False
    hard = np.array(expected["mask"], float)
    if p["gate"] == "hard":
        assert np.array_equal(out.mask.ravel()[compared], hard[compared] != 0)
    for found, name, close in ((loss, "loss_per_token", 2e-5), (out.gradient, "grad_logp", 2e-5),
                               (out.divergence, "D", 2e-6), (out.weight, "w", 2e-6)):
        wanted = np.array([float(x) for x in expected[name]])
        np.testing.assert_allclose(found.ravel()[compared], wanted[compared], rtol=close, atol=close, err_msg=name)
