"""What several tests share."""

from __future__ import annotations

import os

import cppo
import numpy as np
import pytest

USERS_COMPILER = os.environ.get("CXX") or "c++"
"""What compiles parts where it is not told otherwise."""
TWINS = """
#include <cmath>
struct tv {
  template <class V>
  constexpr V at(cppo::token<V> const& t) const { return cppo::binary_tv.at(t); }
};
struct within {
  static constexpr cppo::clause kind = cppo::clause::divergence;
  double delta;
  cppo::parameter_check check() const { return {delta > 0.0, "within(delta)", delta, "positive"}; }
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const { return t.weighted_divergence() <= V(delta); }
};
struct nine_tenths {
  static constexpr cppo::needs needed = cppo::needs::quantile;
  double floor;
  int factor;
  template <class Statistics>
  constexpr double resolve(Statistics const& s) const {
    double const q = s.quantile(0.9);
    return s.length() == 0 || q < floor ? floor : q > factor * floor ? factor * floor : q;
  }
};
"""


def reordered(weight, first, seed, last):
    """The weight reversed, shuffled and reversed, or some of that."""
    weight = cppo.reversed(weight) if first else weight
    weight = weight if seed is None else cppo.permuted(weight, seed)
    return cppo.reversed(weight) if last else weight


def make_batch(responses, width, seed=0, dtype=np.float32, holes=True):
    """log π, log μ, advantage and response mask of a random batch; slots that are no tokens hold NaN."""
    random = np.random.default_rng(seed)
    log_q = -random.exponential(1.0, (responses, width))
    log_p = np.minimum(log_q + random.normal(0.0, 0.3, log_q.shape), 0.0)
    advantage = random.normal(0.0, 1.0, (responses, 1)).repeat(width, 1)
    lengths = random.integers(0, width + 1, responses)
    valid = np.arange(width) < lengths[:, None]
    if holes:
        valid &= random.random(valid.shape) > 0.1
    for x in (log_p, log_q, advantage):
        x[~valid] = np.nan
    return log_p.astype(dtype), log_q.astype(dtype), advantage.astype(dtype), valid


@pytest.fixture
def small():
    return make_batch(5, 23, seed=3)


@pytest.fixture
def header():
    """Reads a header: the package's own, or that of the checkout where the package runs from its sources."""
    import pathlib

    import cppo
    inside = pathlib.Path(cppo.__file__).parent / "include"
    root = pathlib.Path(__file__).resolve().parents[2]

    def read(name):
        for folder in (inside, root / "include", root / "c_api" / "include"):
            if (folder / name).exists():
                return (folder / name).read_text()
        raise FileNotFoundError(name)
    return read


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """The tests compile, whatever was compiled before, in a third of a user's time: the bits are the same."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as m:
        m.setenv("CPPO_CACHE", str(folder))
        m.setenv("CXX", f"{USERS_COMPILER} -DCPPO_NO_FORCED_INLINING")
        yield folder


def compiled_twin():
    """`calibrated_cppo` of parts of one's own, as a function of delta and floor."""
    tv, within, nine_tenths = (cppo.compile(TWINS, name) for name in ("tv", "within", "nine_tenths"))
    assert [x.kind for x in (tv, within, nine_tenths)] == [cppo.Divergence, cppo.Mask, cppo.Budget]
    assert [x.members for x in (tv, within, nine_tenths)] == [0, 1, 2]

    def make(delta, floor, w_min=0.8):
        inside = within(delta) & cppo.prefix_budget(delta, nine_tenths(floor, 2))
        return cppo.trust_region(tv(), cppo.linear_weight(w_min), cppo.toward_rollout | inside)
    return make


@pytest.fixture(scope="session")
def twin(cache):
    """`calibrated_cppo` of parts of one's own; `twin(delta, floor)`."""
    return compiled_twin()
