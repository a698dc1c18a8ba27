// Generalized advantage estimation against its definition as a sum, over cuts, layouts and bad input.
#include "support/property.hpp"
#include "support/rewarded_batch.hpp"

#include <cppo/advantage.hpp>
#include <cppo/execution/simd.hpp>

namespace {

using namespace cppo;
using namespace cppo_test;

// Tokens of a padded batch with holes, drawn from a code each.
struct valued {
  index_t rows = 0, width = 5;
  std::vector<float> reward, value;
  std::vector<std::uint8_t> mask;
  std::vector<double> bootstrap;

  explicit valued(std::vector<int> codes) {
    codes.resize((codes.size() + 4) / 5 * 5);
    rows = static_cast<index_t>(codes.size()) / width;
    for (int const code : codes) {
      auto const c = static_cast<unsigned>(code) % 1000U;
      mask.push_back(c % 4 == 0 ? 0 : 1);
      reward.push_back(mask.back() == 1 ? static_cast<float>(c % 11) / 7.0F - 0.5F : NAN);
      value.push_back(mask.back() == 1 ? static_cast<float>(c % 13) / 9.0F - 0.7F : NAN);
    }
    for (index_t b = 0; b < rows; ++b) bootstrap.push_back(b % 2 == 0 ? 0.0 : 0.3 * static_cast<double>(b % 5));
  }
  response_batch_view lend() const {
    return response_batch(padded(rows, width), cppo::reward(reward), cppo::value(value), response_mask(mask),
                          bootstrap_value(bootstrap));
  }
};

// A_t as the sum over later tokens of (gamma lambda)^(k - t) delta_k, each power on its own. Shares no code.
std::vector<double> reference_gae(valued const& v, double gamma, double lambda) {
  std::vector<double> out(v.mask.size());
  for (index_t b = 0; b < v.rows; ++b) {
    std::vector<std::size_t> tokens;
    auto const first = static_cast<std::size_t>(b * v.width), end = first + static_cast<std::size_t>(v.width);
    for (std::size_t i = first; i < end; ++i) {
      if (v.mask[i] == 1) tokens.push_back(i);
    }
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      long double sum = 0;
      for (std::size_t k = t; k < tokens.size(); ++k) {
        bool const ends = k + 1 == tokens.size();
        long double const next = ends ? v.bootstrap[static_cast<std::size_t>(b)] : v.value[tokens[k + 1]];
        long double const delta = v.reward[tokens[k]] + gamma * next - v.value[tokens[k]];
        sum += std::pow(static_cast<long double>(gamma) * lambda, static_cast<long double>(k - t)) * delta;
      }
      out[tokens[t]] = static_cast<double>(sum);
    }
  }
  return out;
}
bool near(std::vector<double> const& got, std::vector<double> const& wanted) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!(std::abs(got[i] - wanted[i]) <= 1e-12 * (1.0 + std::abs(wanted[i])))) return false;
  }
  return got.size() == wanted.size();
}

}  // namespace

TEST_CASE("property: gae is the discounted sum of differences, and returns add the value", "[property][advantage]") {
  property("gamma 0.97, lambda 0.9", [](std::vector<int> const& codes) {
    valued const v(codes);
    std::vector<double> a(v.mask.size(), 9.0), r(v.mask.size(), 9.0), threads(v.mask.size());
    RC_ASSERT(compute_advantage(seq, v.lend(), gae(0.97, 0.9), a, {.returns = r}).ok());
    RC_ASSERT(near(a, reference_gae(v, 0.97, 0.9)));
    for (std::size_t i = 0; i < a.size(); ++i) {
      bool const right = v.mask[i] == 1 ? r[i] == a[i] + static_cast<double>(v.value[i]) : r[i] == 0.0 && a[i] == 0.0;
      RC_ASSERT(right);
    }
    RC_ASSERT(compute_advantage(simd.with_threads(3, 1), v.lend(), gae(0.97, 0.9), threads).ok());
    RC_ASSERT(a == threads);
  });
}

TEST_CASE("property: gae of a response in pieces has the bits of the whole", "[property][advantage]") {
  property("cuts", [](std::vector<int> const& codes, unsigned cut) {
    valued const v(codes);
    index_t const n = static_cast<index_t>(v.mask.size()), at = n == 0 ? 0 : static_cast<index_t>(cut) % (n + 1);
    index_t const ends[] = {0, n};
    std::vector<double> all(v.mask.size()), parts(v.mask.size());
    auto const lend = [&](layout const& l) {
      return response_batch(l, reward(v.reward), value(v.value), response_mask(v.mask));
    };
    gae_rule const rule = gae(0.99, 0.95);
    RC_ASSERT(compute_advantage(seq, lend(packed(ends, 1)), rule, all).ok());
    index_t const early[] = {0, at}, late[] = {at, n};
    gae_state state;
    std::span<gae_state> const one(&state, 1);
    RC_ASSERT(compute_advantage(seq, lend(packed(late, 1).part_of(n)), rule, parts, {.first = one}).ok());
    RC_ASSERT(compute_advantage(seq, lend(packed(early, 1).part_of(n)), rule, parts, {.after = one}).ok());
    RC_ASSERT(all == parts);
  });
}

TEST_CASE("a reward per response counts at its last token", "[advantage]") {
  std::vector<std::uint8_t> const mask{0, 1, 1, 0, 1, 1, 1, 0};
  std::vector<double> const r{1.0, -2.0}, v(8, 0.0);
  std::vector<double> each(8), out(8);
  std::vector<float> const by_token{0, 0, 1, 0, 0, 0, -2, 0};
  auto const shape = padded(2, 4);
  REQUIRE(compute_advantage(seq, response_batch(shape, reward(per_response(r)), value(v), response_mask(mask)),
                            gae(0.5, 1.0), out).ok());
  REQUIRE(compute_advantage(seq, response_batch(shape, reward(by_token), value(v), response_mask(mask)), gae(0.5, 1.0),
                            each).ok());
  CHECK(out == each);
  CHECK(out == std::vector<double>{0, 0.5, 1, 0, -0.5, -1, -2, 0});
}

TEST_CASE("gae refuses bad input with its place, and writes nothing", "[advantage]") {
  valued v({1, 2, 3, 5, 6, 7, 9, 10, 11, 13});
  std::vector<double> out(10, 4.0), small(3);
  auto const answer = [&](gae_rule const& rule, gae_options const& o = {}) {
    status const s = compute_advantage(seq, v.lend(), rule, out, o);
    CHECK(out == std::vector<double>(10, 4.0));
    return s;
  };
  CHECK(std::string(describe(answer(gae(1.5)))).starts_with("gamma is 1.5, but must be in [0, 1]"));
  CHECK(answer(gae(1.0, -0.1)).name == std::string("lambda"));
  CHECK(answer(gae(), {.returns = out}).code == status_code::output_overlap);
  CHECK(answer(gae(), {.returns = small}).code == status_code::extent_mismatch);
  std::vector<gae_state> states(3);
  CHECK(answer(gae(), {.after = states}).code == status_code::extent_mismatch);
  v.value[6] = NAN;
  status s = answer(gae());
  CHECK((s.code == status_code::value_invalid && s.where == argument::value && s.response == 1 && s.token == 1));
  v.value[6] = 0.0F, v.reward[9] = -INFINITY;
  s = answer(gae());
  CHECK((s.code == status_code::reward_invalid && s.response == 1 && s.token == 4));
  v.reward[9] = 0.0F, v.bootstrap[0] = NAN;
  s = answer(gae());
  CHECK((s.code == status_code::value_invalid && s.where == argument::bootstrap_value && s.response == 0));
  CHECK(compute_advantage(seq, response_batch(padded(2, 5), reward(v.reward)), gae(), out).code ==
        status_code::not_in_response_batch);
  CHECK(compute_advantage(seq, v.lend(), gae(), per_response(out)).code == status_code::extent_mismatch);
}
