"""What is wrong is said with its argument, place and remedy."""

from __future__ import annotations

import cppo
import numpy as np
import pytest
from cppo import StatusCode
from cppo._native import ARGUMENTS
from conftest import make_batch


def run(*batch, **options):
    return cppo.policy_loss(*batch, region=options.pop("region", cppo.fixed_cppo()), **options)


@pytest.fixture
def bad():
    batch = make_batch(3, 8, holes=False)
    for x in batch[:3]:
        x[:] = -0.5
    batch[3][:] = True
    return batch


def test_bad_input_is_named_with_its_place(bad):
    bad[0][1, 5] = np.nan
    with pytest.raises(cppo.Error, match="log_prob at response 1, token 5 is nan, but must be finite") as e:
        run(*bad)
    assert (e.value.code, e.value.argument, e.value.response, e.value.token) == (
        StatusCode.log_prob_invalid, "log_prob", 1, 5)


def test_modes_of_bad_input(bad):
    bad[0][1, 5] = np.nan
    _, report, out = run(*bad, bad_input="leave_out", outputs=("mask", "gradient"))
    assert report.rejected_responses == 1 and report.tokens == 16 and not out.mask[1].any()
    _, report, out = run(*bad, bad_input="exclude", outputs=("mask", "gradient"))
    assert report.bad_tokens == 1 and report.tokens == 23 and not out.mask[1, 5] and out.mask[1, 4]
    loss, _, out = run(*bad, bad_input="propagate", outputs=("mask", "gradient"))
    assert np.isnan(loss) and np.isnan(out.gradient[1, 5]) and np.isfinite(out.gradient[1, 4])
    bad[1][2, 0] = -9999
    with pytest.raises(cppo.Error, match="log_prob"):
        run(*bad)
    assert run(*bad, bad_input="exclude", log_prob_floor=-1e5)[1].tokens == 23


def test_a_batch_without_tokens_is_no_error(bad):
    loss, report = run(*bad[:3], np.zeros((3, 8), bool))
    assert loss == 0 and report.tokens == 0 and report.masked_fraction == 0


@pytest.mark.parametrize("change, code, argument, words", [
    (lambda b: b.update(rollout_log_prob=b["rollout_log_prob"][:, :7]), "extent_mismatch", "rollout_log_prob", "7"),
    (lambda b: b.update(advantage=b["advantage"].astype(np.int32)), "element_type_mismatch", "advantage", "i32"),
    (lambda b: b.update(response_mask=b["response_mask"] * 0.5), "response_mask_invalid", "response_mask", "0 or 1"),
    (lambda b: b.update(log_prob=b["log_prob"][None]), "bad_tensor", "log_prob", r"\[B, T\]"),
    (lambda b: b.update(cu_seqlens=np.array([0, 24])), "bad_tensor", "log_prob", r"\[N\]"),
    (lambda b: b.update(log_prob=b["log_prob"].astype(">f4")), "element_type_mismatch", "log_prob", "byte order"),
    (lambda b: b.update(log_prob=b["log_prob"].astype(np.complex64)), "element_type_mismatch", "log_prob", "complex"),
    (lambda b: b.update(aggregate="mean"), "bad_parameter", "options", "token_mean"),
    (lambda b: b.update(bad_input="ignore"), "bad_parameter", "options", "leave_out"),
    (lambda b: b.update(log_ratio_clamp=-1.0), "bad_parameter", "options", "log_ratio_clamp"),
    (lambda b: b.update(horizon=0, positions="fixed_horizon"), "bad_parameter", "options", "horizon"),
    (lambda b: b.update(horizon=4, positions="fixed_horizon"), "horizon_too_short", "", "horizon"),
    (lambda b: b.update(threads=10**6), None, "options", "threads"),
    (lambda b: b.update(outputs=("masks",)), "bad_parameter", "", "there is no output 'masks'"),
    (lambda b: b.update(outputs={"gradient": b["log_prob"]}), "output_overlap", "gradient", "log_prob"),
    (lambda b: b.update(outputs={"gradient": np.zeros((3, 8), int)}), "element_type_mismatch", "gradient", "gradient"),
    (lambda b: b.update(outputs={"mask": np.zeros((3, 7), bool)}), "extent_mismatch", "mask", "mask"),
    (lambda b: b.update(carries=np.zeros((2, 8), int), totals=np.zeros((3, 8), int)), "carry_mismatch", "carries", "3"),
])
def test_wrong_calls(bad, change, code, argument, words):
    call = dict(zip(("log_prob", "rollout_log_prob", "advantage", "response_mask"), bad)) | {
        "region": cppo.fixed_cppo()}
    change(call)
    with pytest.raises(cppo.Error, match=words) as e:
        cppo.policy_loss(**call)
    assert e.value.argument == argument or argument == ""
    assert code is None or e.value.code == StatusCode[code]


def test_offsets(bad):
    packed = [x.ravel() for x in bad]
    for wrong in ([0, 8, 7, 24], [1, 8, 24]):
        with pytest.raises(cppo.Error, match="cu_seqlens") as e:
            run(*packed, cu_seqlens=np.array(wrong))
        assert e.value.code == StatusCode.bad_offsets and e.value.argument == "cu_seqlens"
    for wrong in ([0, 8, 25], [0, 8]):
        with pytest.raises(cppo.Error, match="log_prob has 24 elements, but must have (25|8)"):
            run(*packed, cu_seqlens=np.array(wrong))
    assert run(*packed, cu_seqlens=np.array([0, 8]), with_capacity=True)[1].tokens == 8
    with pytest.raises(cppo.Error, match="cu_seqlens"):
        run(*packed, cu_seqlens=np.array([[0, 24]]))
    with pytest.raises(cppo.Error, match="cu_seqlens.*i32 or i64"):
        run(*packed, cu_seqlens=np.array([0.0, 24.0]))


def test_names_of_arguments_and_codes_are_those_of_the_headers(header):
    import re
    status = header("cppo/core/status.hpp")
    body = re.search(r"enum class status_code[^{]*\{(.*?)\};", status, re.S)[1]
    number, codes = -1, {}
    for name, value in re.findall(r"^\s*([a-z_]+)(?: = (\d+))?,", body, re.M):
        number = int(value) if value else number + 1
        codes[name] = number
    c_header = header("cppo.h")
    for name, value in re.findall(r"cppo_(\w+) = (1\d{3})\b", c_header):
        codes[name] = int(value)
    assert codes == {code.name: code.value for code in StatusCode}
    names = re.search(r"char const\* names\[\] = \{(.*?)\};", header("cppo/core/argument.hpp"), re.S)[1]
    assert tuple(re.findall(r'"(\w*)"', names)) == ARGUMENTS
    decisions = re.search(r"enum class decision[^{]*\{(.*?)\};", header("cppo/core/types.hpp"), re.S)[1]
    assert {n: int(v) for n, v in re.findall(r"(\w+) = (\d+),", decisions)} == {d.name: d.value for d in cppo.Decision}
