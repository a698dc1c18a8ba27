// Divergences on random laws over a small vocabulary: finer partitions never see less, and what bounds what.
#include "support/small_vocabulary.hpp"
#include "support/property.hpp"

namespace {

using namespace cppo_test;

// Two laws over two to nine tokens, a list length and the sampled token; weights span six orders of magnitude.
struct any_laws {
  std::vector<std::pair<std::uint8_t, std::uint8_t>> codes;
  unsigned k = 0, sampled = 0;

  vocabulary laws() const {
    auto const weight = [](std::uint8_t code) { return std::ldexp(1.0 + code % 16, -5 * (code / 64)); };
    std::vector<double> pi{1.0, 1.0}, mu{1.0, 1.0};
    for (auto const& [p, q] : codes) {
      pi.push_back(weight(p));
      mu.push_back(weight(q));
    }
    return vocabulary_of(pi, mu);
  }
};

std::ostream& operator<<(std::ostream& out, any_laws const& x) {
  vocabulary const v = x.laws();
  out << "k " << 1 + x.k % (v.size() - 1) << ", sampled " << x.sampled % v.size() << ", (pi, mu):";
  for (std::size_t a = 0; a < v.size(); ++a) out << " (" << v.pi[a] << ", " << v.mu[a] << ')';
  return out;
}

// f(laws, k, sampled)
template <class F>
void for_laws(char const* what, F const& f) {
  property(what, [&f](any_laws const& x) {
    vocabulary const v = x.laws();
    f(v, 1 + x.k % (v.size() - 1), x.sampled % v.size());
  });
}

// How far rounding may turn the order of two KLs round: the rest's mass under pi is 1 minus a sum, off by a few 1e-16,
// which counts mu / pi times.
double kl_slack(vocabulary const& v) {
  double largest = 1.0;
  for (std::size_t a = 0; a < v.size(); ++a) largest = std::max(largest, v.mu[a] / v.pi[a]);
  return 1e-13 + 2e-15 * largest;
}

float binary(auto const& divergence, float log_p, float log_q) {
  using V = cppo::float_lane;
  return cppo::detail::divergence_of(divergence, cppo::token<V>(V(log_p), V(log_q), V(1))).raw();
}

}  // namespace

namespace rc {
template <>
struct Arbitrary<any_laws> {
  static Gen<any_laws> arbitrary() {
    auto const code = gen::resize(kNominalSize, gen::arbitrary<std::uint8_t>());
    using pairs = std::vector<std::pair<std::uint8_t, std::uint8_t>>;
    auto const codes = gen::resize(7, gen::container<pairs>(gen::pair(code, code)));
    auto const number = gen::resize(kNominalSize, gen::inRange(0U, 5040U));
    return gen::build<any_laws>(gen::set(&any_laws::codes, codes), gen::set(&any_laws::k, number),
                                gen::set(&any_laws::sampled, number));
  }
};
}  // namespace rc

TEST_CASE("property: Binary <= Top-K <= full, for TV and KL", "[property]") {
  for_laws("the sampled token in a cell of its own", [](vocabulary const& v, std::size_t k, std::size_t sampled) {
    lists const l = list_of(v, k, sampled);
    cppo_test::distance const full = over_partition(v, first(v.size()));
    cppo_test::distance const two{run(l, cppo::binary_tv), run(l, cppo::binary_kl)};
    for (auto const& d : {run_both<cppo::top_k_form::plus_sampled>(l), run_both<cppo::top_k_form::replace_last>(l)}) {
      RC_ASSERT(two.tv <= d.tv + 1e-14);
      RC_ASSERT(d.tv <= full.tv + 1e-14);
      RC_ASSERT(two.kl <= d.kl + kl_slack(v));
      RC_ASSERT(d.kl <= full.kl + kl_slack(v));
    }
  });
}

TEST_CASE("property: a longer list never sees less, and the whole vocabulary sees all", "[property]") {
  for_laws("one more token", [](vocabulary const& v, std::size_t k, std::size_t sampled) {
    auto const with = [&](std::size_t n) { return run_both<cppo::top_k_form::plus_sampled>(list_of(v, n, sampled)); };
    cppo_test::distance const less = with(k), more = with(k + 1), full = over_partition(v, first(v.size()));
    RC_ASSERT(less.tv <= more.tv + 1e-14);
    RC_ASSERT(less.kl <= more.kl + kl_slack(v));
    bool const all = k + 1 == v.size();
    RC_ASSERT((!all || std::fabs(more.tv - full.tv) <= 1e-14));
    RC_ASSERT((!all || std::fabs(more.kl - full.kl) <= kl_slack(v)));
  });
}

TEST_CASE("property: Pinsker holds on every partition", "[property]") {
  for_laws("TV <= sqrt(KL / 2)", [](vocabulary const& v, std::size_t k, std::size_t sampled) {
    lists const l = list_of(v, k, sampled);
    for (auto const& d : {run_both<cppo::top_k_form::plus_sampled>(l), run_both<cppo::top_k_form::list_only>(l)}) {
      RC_ASSERT(d.tv <= std::sqrt(d.kl / 2.0) * (1.0 + 1e-9) + 1e-7);
      RC_ASSERT((d.tv >= 0.0 && d.tv <= 1.0));
      RC_ASSERT(d.kl >= 0.0);
    }
  });
}

TEST_CASE("property: divergences of one token are 0 where nothing moved, never negative, TV at most 1", "[property]") {
  property("any two log-probs", [] {
    auto const draw = [] {
      auto const code = *rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint32_t>());
      return -std::ldexp(static_cast<float>(code >> 8), -static_cast<int>(code % 64));
    };
    float const p = draw(), q = draw();
    RC_ASSERT(binary(cppo::binary_tv, p, q) >= 0.0F);
    RC_ASSERT(binary(cppo::binary_tv, p, q) <= 1.0F);
    RC_ASSERT(binary(cppo::binary_tv, p, q) == binary(cppo::binary_tv, q, p));
    RC_ASSERT(binary(cppo::binary_kl, p, q) == binary(cppo::binary_kl_reverse, q, p));
    RC_ASSERT(binary(cppo::binary_kl, p, q) >= 0.0F);
    RC_ASSERT(binary(cppo::k2, p, q) >= 0.0F);
    RC_ASSERT(binary(cppo::k3, p, q) >= 0.0F);
    RC_ASSERT(binary(cppo::k1, p, q) == -binary(cppo::k1, q, p));
    for (float const x : {p, q}) {
      RC_ASSERT(binary(cppo::binary_tv, x, x) == 0.0F);
      RC_ASSERT(binary(cppo::binary_kl, x, x) == 0.0F);
      RC_ASSERT(binary(cppo::k3, x, x) == 0.0F);
    }
  });
}
