"""`diagnose` finds what no check of single values can."""

from __future__ import annotations

import cppo
import numpy as np
import pytest
from conftest import make_batch


def names(*batch, **options):
    return [f.name for f in cppo.diagnose(*batch, **options)]


def test_findings():
    log_p, log_q, advantage, valid = make_batch(8, 200, holes=False)
    missing = np.where(valid, 0.0, np.nan).astype(np.float32)
    found = cppo.diagnose(log_p, missing, advantage, valid)
    assert "rollout_zeros" in [f.name for f in found]
    assert found[0].tokens > 0 and len(found[0].sentence) > 20
    assert "identical_policies" in names(log_q, log_q, advantage, valid)
    assert "zero_advantages" in names(log_p, log_q, np.zeros_like(advantage), valid)
    out_of_reach = cppo.fixed_cppo(delta=2.0)
    assert "threshold_out_of_reach" in names(log_p, log_q, advantage, valid, region=out_of_reach)
    lists = cppo.fixed_cppo(divergence=cppo.top_k_tv)
    assert "missing_input" in names(log_p, log_q, advantage, valid, region=lists)


def test_what_cannot_be_looked_at_is_an_error():
    log_p, log_q, advantage, valid = make_batch(8, 20, holes=False)
    lists = cppo.TopK(np.zeros((8, 20, 2), np.int64), np.zeros((8, 20, 2), np.complex64), np.zeros((8, 20, 2)))
    for wrong, words in (({"advantage": np.ones((8, 20), np.int32)}, "advantage is of i32"),
                         ({"top_k": lists}, "dtype complex64"), ({"positions": "row"}, "positions"),
                         ({"cu_seqlens": np.zeros(3)}, "log_prob must have shape")):
        batch = {"log_prob": log_p, "rollout_log_prob": log_q, "advantage": advantage, "response_mask": valid}
        with pytest.raises(cppo.Error, match=words):
            cppo.diagnose(**{**batch, **wrong})
    assert names(log_p, log_q, advantage, valid[0]) == ["bad_shape"]
