"""`diagnose` finds what no check of single values can."""

from __future__ import annotations

import cppo
import numpy as np
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
