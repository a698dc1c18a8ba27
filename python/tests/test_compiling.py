"""Parts of one's own: the same bits as the library's where the rule is the same, and sentences where it does not
compile."""

from __future__ import annotations

import copy
import os
import pathlib
import pickle
import re
import stat
import subprocess
import sys

import cppo
import numpy as np
import pytest
from conftest import TWINS, USERS_COMPILER, make_batch
from cppo import rules, theory

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "13_own_parts.cpp"

pytestmark = pytest.mark.usefixtures("cache")

READ = ("gradient", "mask", "gate", "divergence", "weight", "weighted_divergence", "prefix_drift", "prefix_weight",
        "decision")
"""What does not come from members of the library's own mask that a twin need not have: its excess and its threshold."""


def same(a, b, names):
    return all(getattr(a, n).tobytes() == getattr(b, n).tobytes() for n in names)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("options", [{}, {"executor": "seq"}, {"threads": 2}, {"aggregate": "none"},
                                     {"bad_input": "exclude"}], ids=str)
def test_the_same_rule_has_the_same_bits(twin, dtype, options):
    batch = make_batch(7, 90, seed=4, dtype=dtype)
    if options.get("bad_input"):
        batch[0][2, 3] = np.nan
    for delta, floor in ((0.1, 0.01), (0.02, 0.001)):
        mine = cppo.policy_loss(*batch, region=twin(delta, floor), outputs=READ, **options)
        theirs = cppo.policy_loss(*batch, region=cppo.calibrated_cppo(delta, floor), outputs=READ, **options)
        assert np.array_equal(mine[0], theirs[0]) and mine[1] == theirs[1] and same(mine[2], theirs[2], READ)
        assert 0 < mine[1].masked < mine[1].tokens


AS_USERS_DO = """
import sys
from conftest import compiled_twin, make_batch
import cppo
_, _, out = cppo.policy_loss(*make_batch(7, 90, seed=4), region=compiled_twin()(0.02, 0.001), outputs=sys.argv[1:])
for name in sys.argv[1:]:
    sys.stdout.buffer.write(getattr(out, name).tobytes())
"""


def test_what_users_compile_has_the_same_bits(twin, tmp_path):
    """The other tests compile without forced inlining."""
    here = str(pathlib.Path(__file__).parent)
    env = {**os.environ, "CXX": USERS_COMPILER, "CPPO_CACHE": str(tmp_path),
           "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])}
    assert "CPPO_NO_FORCED_INLINING" in os.environ["CXX"]
    done = subprocess.run([sys.executable, "-c", AS_USERS_DO, *READ], env=env, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    _, _, mine = cppo.policy_loss(*make_batch(7, 90, seed=4), region=twin(0.02, 0.001), outputs=READ)
    assert done.stdout == b"".join(getattr(mine, n).tobytes() for n in READ)


def test_numbers_change_without_the_compiler(twin, cache):
    a, before = twin(0.1, 0.01), sorted(cache.iterdir())
    b = twin(0.2, 0.01)
    assert a.text == b.text and a != b and a.with_numbers(*b.numbers) == b
    assert sorted(cache.iterdir()) == before
    assert str(a) == re.sub(r"0\.2", "0.1", str(b)) and cppo.region(str(a)) == a


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pieces_certificates_and_findings(twin, dtype):
    batch = make_batch(4, 30, seed=2, dtype=dtype)
    mine, theirs = twin(0.05, 0.005), cppo.calibrated_cppo(0.05, 0.005)
    cuts = np.array([0, 11, 30])
    packed = [np.concatenate([x[b] for b in range(4)]) for x in batch]
    cu_seqlens = np.concatenate([[0], (np.arange(4)[:, None] * 30 + cuts[1:]).ravel()])
    responses, order = np.repeat(np.arange(4), 2), np.tile([0, 1], 4)
    plans = []
    for region in (mine, theirs):
        pieces = cppo.PieceBatch(*packed, region=region, cu_seqlens=cu_seqlens)
        plans.append(cppo.plan_pieces(pieces, responses, order))
    assert np.array_equal(plans[0].carries, plans[1].carries) and np.array_equal(plans[0].totals, plans[1].totals)
    whole = cppo.policy_loss(*batch, region=theirs, outputs=("mask", "gradient"))[2]
    cut = cppo.policy_loss(*packed, region=mine, cu_seqlens=cu_seqlens, carries=plans[0].carries,
                           totals=plans[0].totals, outputs=("mask", "gradient"))[2]
    assert same(cut, whole, ("mask", "gradient"))
    certificates = [theory.certificate(*batch, region=r, measured="total_variation") for r in (mine, theirs)]
    assert certificates[0] == certificates[1]
    assert np.array_equal(theory.weights_of(mine, 9), theory.weights_of(theirs, 9))
    missing = [batch[0], np.where(batch[3], 0, np.nan).astype(dtype), *batch[2:]]
    assert cppo.diagnose(*missing, region=mine) == cppo.diagnose(*missing, region=theirs) != []


def test_tensors(twin):
    torch = pytest.importorskip("torch")
    batch = [torch.from_numpy(x) for x in make_batch(4, 30, seed=2)]
    batch[0] = torch.where(batch[3], batch[0], -1.0)

    def gradient(region, compiled):
        def loss_of(log_prob, region):
            return cppo.policy_loss(log_prob, *batch[1:], region=region)[0]
        log_prob = batch[0].clone().requires_grad_()
        (torch.compile(loss_of, fullgraph=True, backend="eager") if compiled else loss_of)(log_prob, region).backward()
        return log_prob.grad
    wanted = gradient(cppo.calibrated_cppo(0.05, 0.005), False)
    assert wanted.any()
    for compiled in (False, True):
        assert torch.equal(gradient(twin(0.05, 0.005), compiled), wanted)
    with pytest.raises(cppo.Error, match="a part of your own, which is compiled for the host alone: pass tensors on"):
        cppo.policy_loss(*batch, region=twin(0.05, 0.005), executor="torch")


def test_regions_of_own_parts_are_values(twin):
    r = twin(0.1, 0.01)
    part = cppo.compile(TWINS, "within")(0.5)
    assert eval(repr(part), {"compile": cppo.compile}) == part == pickle.loads(pickle.dumps(part))
    assert eval(repr(r), {**vars(cppo)}) == r and hash(copy.deepcopy(r)) == hash(r)
    code = "import pickle, sys; r = pickle.loads(sys.stdin.buffer.read()); print(r, r.numbers)"
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(r), capture_output=True)
    assert done.stdout.decode().strip() == f"{r} {r.numbers}", done.stderr
    name = re.search(r"compiled_\w+", str(r))[0]
    with pytest.raises(cppo.Error, match="is a part that another process has compiled"):
        cppo.region(str(r).replace(name, "compiled_0123456789ab"))


def test_a_rule_takes_no_part_of_ones_own(twin):
    own = "a part of your own stands in a region with the loss -A rho M: write a rule with a loss of its own in"
    for make in (lambda x: x + rules.penalty(rules.kl_k3(), 0.1), lambda x: rules.objective(x, rules.ratio_form),
                 lambda x: rules.objective(region=x, surrogate=rules.ratio_form)):
        with pytest.raises(cppo.Error, match=own) as e:
            make(twin(0.1, 0.01))
        assert (e.value.code, e.value.argument) == (cppo.StatusCode.bad_argument, "region")


def example(kind):
    return EXAMPLE.read_text().split(f"//! [{kind}]\n")[1]


def test_one_of_each_kind(cache):
    """The parts of docs/concepts.md, against what they say they do."""
    kinds = ("divergence", "weight", "budget", "mask", "gate")
    hellinger, hyperbolic, median, warm_up, squared = (cppo.compile(example(k)) for k in kinds)
    rule = cppo.divergence_within(0.002) & cppo.prefix_budget(0.002, median(0.004))
    hard = cppo.trust_region(hellinger(), hyperbolic(0.25), cppo.any_of(cppo.toward_rollout, warm_up(3), rule))
    region = cppo.softened(hard, squared())
    log_p, log_q, advantage, valid = make_batch(6, 40, dtype=np.float64, holes=False)
    _, report, out = cppo.policy_loss(log_p, log_q, advantage, valid, region=region,
                                      outputs=("mask", "gate", *cppo.TRACE))
    d = (np.exp(log_p / 2) - np.exp(log_q / 2))**2 / 2
    np.testing.assert_allclose(out.divergence[valid], d[valid], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(out.weight[valid], np.broadcast_to(1 / (1 + 0.25 * np.arange(40)), d.shape)[valid])
    assert out.mask[:, :3][valid[:, :3]].all() and 0 < report.masked
    masked = valid & ~out.mask
    np.testing.assert_allclose(out.gate[masked], 1 / out.excess[masked]**2)
    medians = [min(np.median(d[b, valid[b]]), 0.004) for b in range(6) if valid[b].any()]
    np.testing.assert_allclose(report.mean_delta_b, np.mean(medians))
    for wrong, message in ((lambda: hyperbolic(2.0), r"hyperbolic_weight\(rate\) is 2, but must be in \[0, 1\]"),
                           (lambda: hyperbolic(0.5, 1), "hyperbolic_weight has 1 members, but 2 numbers were given")):
        with pytest.raises((cppo.Error, TypeError), match=message):
            cppo.trust_region(hellinger(), wrong(), cppo.any_of(cppo.toward_rollout, warm_up(3), rule)).reads
    with pytest.raises(cppo.Error, match="a number of a part .* must be whole"):
        cppo.softened(cppo.trust_region(hellinger(), hyperbolic(0.25), cppo.any_of(
            cppo.toward_rollout, warm_up(2.5), rule)), squared())


def test_check_region_finds_a_part_that_remembers():
    warm = cppo.compile("""
struct forgetful {
  int remembers;
  template <class V>
  auto operator()(cppo::token<V> const& t) const {
    static int asked = 0;
    return t.divergence() <= V(remembers != 0 ? 0.001 * (++asked % 50) : 0.02);
  }
};""")
    def region(x):
        return cppo.trust_region(cppo.binary_tv, cppo.uniform_weight, warm(x))
    assert cppo.check_region(region(0), batches=4) > 1000
    with pytest.raises(cppo.Error, match=r"a second run on seq, batch \d+: "):
        cppo.check_region(region(1), batches=4)
    with pytest.raises(ValueError, match="has no part of your own"):
        cppo.check_region(cppo.fixed_cppo())


GOOD = "struct flat {\n  template <class V>\n  constexpr V between(V log_p, V) const { return log_p - log_p; }\n};\n"


@pytest.mark.parametrize("source, message", [
    (GOOD.replace("log_p - log_p", "log_p - log_r"), r"flat, line 3, `constexpr V between.*`: .*log_r.* declared"),
    (GOOD.replace("log_p - log_p", "log_p % log_p"), r"flat, line 3, `constexpr V between.*`: no match for .operator%"),
    (GOOD.replace("};", "}"), r"flat, line 4, `}`: expected .;."),
    (GOOD.replace("between", "betwixt"), "flat: it is no part of a trust region: docs/concepts.md"),
    (GOOD + "static_assert(cppo::token_mask<flat>);", r"flat, line 5, `static_assert\(cppo::token_mask<flat>\);`"),
    ("int x;", "the source has no struct"),
])
def test_what_does_not_compile(source, message):
    with pytest.raises(cppo.Error, match=message) as e:
        cppo.compile(source)
    assert "\n" not in e.value.message


def test_what_stands_beside_a_part_is_checked_too():
    flat, within = cppo.compile(GOOD), cppo.compile(TWINS, "within")
    twice = cppo.prefix_budget(0.1, 0.1) & within(0.1) & cppo.prefix_budget(0.2, 0.1)
    with pytest.raises(cppo.Error, match="at most one prefix_budget"):
        cppo.trust_region(flat(), cppo.uniform_weight, twice)
    with pytest.raises(TypeError, match="takes a weight"):
        cppo.trust_region(flat(), flat(), cppo.keep_all)


def test_a_machine_without_a_compiler(monkeypatch):
    for named, words in (("/nowhere/c++", "CXX is '/nowhere/c\\+\\+', which is none that runs"), ("", "there is none")):
        monkeypatch.setenv("CXX", named)
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(cppo.Error, match=f"needs a C\\+\\+ compiler, but {words}: install one"):
            cppo.compile(GOOD)


def test_a_folder_that_cannot_be_made(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CPPO_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(cppo.Error, match="let the environment variable CPPO_CACHE name a folder"):
        cppo.compile(GOOD)


def test_what_is_compiled_once_is_kept(tmp_path):
    """Two processes at once and one after them: one of them compiles."""
    calls, wrapper = tmp_path / "calls", tmp_path / "cxx"
    wrapper.write_text(f'#!/bin/sh\n[ "$1" = --version ] || echo >>{calls}\nexec c++ "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    run = [sys.executable, "-c", f"import cppo; print(cppo.compile({GOOD!r})().text)"]
    env = {**os.environ, "CXX": str(wrapper), "XDG_CACHE_HOME": str(tmp_path)}
    del env["CPPO_CACHE"]
    at_once = [subprocess.Popen(run, env=env, stdout=subprocess.PIPE) for _ in range(2)]
    said = {p.communicate()[0] for p in at_once} | {subprocess.run(run, env=env, capture_output=True).stdout}
    assert len(said) == 1 and b"::flat{}" in said.pop()
    assert calls.read_text() == "\n" and list((tmp_path / "cppo").glob("*.so"))


def test_what_the_c_function_refuses(twin):
    import ctypes

    from cppo import _native as c
    from cppo.compiling import object_of
    at = object_of(twin(0.1, 0.01).text)
    numbers = (ctypes.c_double * 5)(0.8, 0.1, 0.1, 0.01, 2)
    region, status = ctypes.create_string_buffer(c.REGION_SIZE), ctypes.create_string_buffer(c.STATUS.size)

    def said(*arguments):
        assert c.LIB.cppo_region_compiled(*arguments, region, status) != 0
        return str(c.error_of(status.raw))
    assert said(None, numbers, 5) == "object is null: pass one"
    assert said(at, None, 5) == "numbers is null: pass one"
    assert said(at, numbers, 4) == "count is 4, but the region takes 5 numbers"
    other = (ctypes.c_uint64 * 11)(*(ctypes.c_uint64 * 11).from_address(at))
    other[0] += 1
    assert "is of another version than libcppo_c" in said(ctypes.addressof(other), numbers, 5)
    assert c.LIB.cppo_region_compiled(at, numbers, 5, region, status) == 0
    changed = bytearray(region.raw)
    changed[40] ^= 1
    assert c.LIB.cppo_region_text(bytes(changed), None, 0) == -1
    assert c.LIB.cppo_region_text(region.raw, None, 0) == len(str(twin(0.1, 0.01)))
