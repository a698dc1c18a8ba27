"""Reports: names, sums, exporters."""

from __future__ import annotations

import pickle

import cppo
import numpy as np
import pytest
from conftest import make_batch
from cppo import _native, report as reports
from hypothesis import given, settings
from hypothesis import strategies as st

REGION = cppo.fixed_cppo(delta=0.1, delta_b=0.02)


def report_of(rows, **options):
    return cppo.policy_loss(*rows, region=REGION, **options)[1]


def test_annotated_names_are_those_of_the_library():
    named = {*_native.names_of("cppo_report_name"), *_native.names_of("cppo_measure_name")}
    assert set(cppo.Report.__annotations__) == named
    assert set(report_of(make_batch(3, 9)).as_dict()) == named
    for table in reports.METRICS.values():
        assert set(table.values()) <= named


@given(st.integers(0, 10**6), st.integers(0, 6))
@settings(deadline=None, max_examples=50)
def test_reports_of_micro_batches_add_up(seed, cut):
    batch = make_batch(6, 21, seed)
    whole = report_of(batch)
    parts = [report_of([x[:cut] for x in batch]), report_of([x[cut:] for x in batch])]
    for added in (parts[0] + parts[1], sum(parts), cppo.report.total(parts)):
        for name, value in whole.as_dict().items():
            np.testing.assert_allclose(getattr(added, name), value, rtol=1e-12, atol=1e-12, err_msg=name)
    assert parts[0].tokens + parts[1].tokens == whole.tokens  # adding has changed neither


def test_fields_and_measures(small):
    loss, report, out = cppo.policy_loss(*small, region=REGION, outputs=("mask", "divergence", "decision"))
    valid = small[3]
    assert isinstance(report.kept, int) and report.kept == out.mask.sum() and report.tokens == valid.sum()
    assert report.masked_fraction == pytest.approx(1 - out.mask.sum() / valid.sum())
    assert report.mean_divergence == pytest.approx(out.divergence[valid].mean(), rel=1e-6)
    assert report.max_divergence == out.divergence.max()
    assert report.masked_budget == (out.decision == cppo.Decision.masked_budget).sum()
    assert report.position_tokens.sum() == report.tokens and report.position_tokens.shape == (20,)
    assert report.loss == loss and f"kept {report.kept} of {report.tokens}" in repr(report)
    with pytest.raises(AttributeError, match="a report has no clipped: it has"):
        report.clipped
    assert "masked_fraction" in dir(report)


def test_exporters(small):
    report = report_of(small)
    mine = report.metrics("train/")
    assert mine["train/masked_fraction"] == report.masked_fraction and all(type(x) is float for x in mine.values())
    assert report.metrics(names="verl") == {"actor/pg_clipfrac": report.masked_fraction, "actor/ppo_kl": report.kl_k1}
    assert report.metrics(names="trl")["clip_ratio/high_mean"] == report.masked_high_fraction
    assert report.metrics(names="openrlhf") == {"ppo_clip_ratio": report.masked_fraction, "ppo_kl": report.kl_k1}
    assert report.metrics(names="skyrl") == {"clip_ratio": report.masked_fraction}
    assert report.metrics("val/", names="skyrl") == {"val/clip_ratio": report.masked_fraction}
    with pytest.raises(ValueError, match="trl, verl, openrlhf, skyrl"):
        report.metrics(names="TRL")


def test_pickles_and_equality(small):
    report = report_of(small)
    again = pickle.loads(pickle.dumps(report))
    assert again == report and again.loss == report.loss and report != report_of([x[1:] for x in small])
    assert report != 3
    with pytest.raises(ValueError, match="at least one"):
        cppo.report.total([])


def test_reports_of_other_aggregations_have_no_loss_together(small):
    assert np.isnan((report_of(small) + report_of(small, aggregate="token_sum")).loss)
