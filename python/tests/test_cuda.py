"""The op for CUDA as far as it can be tested without a device: it compiles, loads, and refuses what it must.

Nothing here has run on a card. nvcc takes minutes: set CPPO_TEST_CUDA=1.
"""

from __future__ import annotations

import os
import subprocess

import cppo
import pytest
from conftest import make_batch

torch = pytest.importorskip("torch")

from cppo import _cuda, _torch  # noqa: E402

REGION = cppo.calibrated_cppo()


def built():
    if not os.environ.get("CPPO_TEST_CUDA"):
        pytest.skip("nvcc takes minutes: set CPPO_TEST_CUDA=1")
    try:
        nvcc = _cuda.nvcc()
    except _cuda.NoCompiler as e:
        pytest.skip(str(e))
    command = _cuda._command
    with pytest.MonkeyPatch.context() as patch:  # device code as fast as nvcc makes it, not as it runs
        if "--Ofast-compile" in subprocess.run([nvcc, "--help"], capture_output=True, text=True).stdout:
            patch.setattr(_cuda, "_command", lambda *a: [*command(*a), "-Ofc=max"])
        return _cuda.main(["90"])


@pytest.fixture(scope="module")
def path():
    return built()


@pytest.fixture(scope="module")
def library(path):
    return _cuda.load(path)


def frame(call, tensors):
    """The structures of a call on tensors that lie on the host."""
    loss, gradient, _, outputs = _torch._new(call, tensors[0])
    given = _torch._given(call, tensors[1:])
    kept = (loss, gradient, outputs)
    return _torch.frame_of(call, tensors[0], given, kept, "cpu", 0)[0], (kept, given)


def call_on(tensors, **options):
    names = ("rollout_log_prob", "advantage", "response_mask")
    text = _torch.text_of(REGION.text, names, ("mask",), cppo.Options(**options), divided=False)
    return frame(_torch._call_of(text), tensors)


@pytest.fixture
def tensors():
    return [torch.from_numpy(x) for x in make_batch(3, 9)]


def test_it_is_built_once(path, capsys):
    assert built() == path
    assert "building" not in capsys.readouterr().err


def test_it_knows_how_much_memory_a_call_needs(library, tensors):
    f, _ = call_on(tensors)
    small = library.cppo_device_workspace_bytes(f.batch, REGION.c_region, f.status)
    wide = [x.repeat(1, 1000) for x in tensors]
    f, _ = call_on(wide)
    assert 256 < small < library.cppo_device_workspace_bytes(f.batch, REGION.c_region, f.status)
    assert library.cppo_device_report_bytes() >= 8 * _cuda._SCALING


def run(library, f, options=None):
    packed = _cuda.pack_options(options or cppo.Options())
    code = library.cppo_device_policy_loss(f.batch, REGION.c_region, f.outputs, packed, None, 256, 1 << 20, 256,
                                           f.status)
    f.raise_if(code)


def test_what_is_not_for_a_device_is_refused(library, tensors):
    f, kept = call_on(tensors)
    with pytest.raises(cppo.Error) as e:
        run(library, f)
    wanted = cppo.StatusCode.not_device_memory if torch.cuda.is_available() else cppo.StatusCode.device_error
    assert e.value.code == wanted
    doubles = [x.double() for x in tensors[:3]] + tensors[3:]
    f, kept = call_on(doubles)
    with pytest.raises(cppo.Error, match="a call in double is not for a device"):
        run(library, f)
    f, kept = call_on(tensors)
    options = _cuda.pack_options(cppo.Options(), carries=8)
    code = library.cppo_device_policy_loss(f.batch, REGION.c_region, f.outputs, options, None, 256, 1 << 20, 256,
                                           f.status)
    with pytest.raises(cppo.Error, match="carries and totals are not taken on a device"):
        f.raise_if(code)
    options = _cuda.pack_options(cppo.Options(), folds=8, fold_words=1)
    code = library.cppo_device_policy_loss(f.batch, REGION.c_region, f.outputs, options, None, 256, 1 << 20, 256,
                                           f.status)
    with pytest.raises(cppo.Error, match="options->folds are not taken on a device"):
        f.raise_if(code)


def test_a_report_is_read_as_the_device_writes_it(tensors):
    """Counts as whole numbers, then sums and extremes; what scales the loss is known on the host."""
    _, report = cppo.policy_loss(*tensors, region=REGION, aggregate="seq_mean_token_mean")
    words = torch.from_numpy(report.words)
    raw = torch.cat([words[:_cuda._COUNTS].long().view(torch.uint8),
                     words[_cuda._COUNTS:_cuda._SCALING].contiguous().view(torch.uint8),
                     torch.full((24,), 255, dtype=torch.uint8)])
    text = _torch.text_of(REGION.text, (), (), cppo.Options(aggregate="seq_mean_token_mean"), divided=False)
    call = _torch._call_of(text)
    assert cppo.Report(_cuda._report_of(raw, call)) == report
    loss = torch.empty(())
    _cuda.fill_loss(call, loss, words)
    assert loss.item() == pytest.approx(report.loss)


def test_the_architectures_must_be_known(monkeypatch, capsys):
    monkeypatch.setattr(_cuda, "architectures_here", list)
    with pytest.raises(SystemExit):
        _cuda.main([])
    assert "there is no device here: name the architectures" in capsys.readouterr().err
