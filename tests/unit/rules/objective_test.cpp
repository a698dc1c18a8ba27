// Regions with a loss of their own: every executor has the bits of seq; what is held, masked, penalised and refused.
#include "support/catch_compat.hpp"
#include "support/chosen_surrogate.hpp"
#include "support/same_run.hpp"

#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>
#include <cppo/testing/check_region.hpp>
#include <cppo/testing/host_block.hpp>

namespace {

using namespace cppo;
using testing::check_region;
using testing::kernel_bodies;

constexpr testing::named_executor<kernel_bodies<8>> bodies{"kernel bodies", {}};

void passes(testing::check_result const& r) {
  INFO(r.message);
  CHECK(r.ok);
  CHECK(r.compared > 10000);
  CHECK(r.too_close * 50 < r.compared);
}

// A surrogate of one's own, which asks for the sums before the token.
struct cautious {
  static constexpr needs needed = needs::prefix_values;
  double rate;
  constexpr parameter_check check() const { return {rate >= 0.0, "cautious(rate)", rate, "0 or more"}; }
  template <class V>
  constexpr surrogate_value<V> operator()(token<V> const& t) const {
    V const share = V(1) / (V(1) + V(rate) * t.prefix_drift());
    auto const plain = ratio_form(t);
    return {share * plain.loss, share * plain.slope};
  }
};
static_assert(token_surrogate<cautious>);

static_assert(!decltype(fixed_cppo())::has_own_surrogate && sizeof(unrestricted()) == sizeof(detail::open_region));
static_assert(std::is_same_v<decltype(objective(fixed_cppo(), ratio_form)), decltype(fixed_cppo())>);
static_assert(decltype(objective(ratio_form) + penalty(ratio, 1))::has_own_surrogate);
static_assert(any(decltype(objective(ppo(), cautious{1.0}))::needed, needs::prefix_values));
static_assert(detail::reads_more<decltype(ppo() + penalty(kl_k2(), 0.1))> && !detail::reads_more<decltype(ppo())>);

// Four tokens of one response: pi/mu of 1, 2, 1/2 and 1, all with A = 1.
struct small_batch {
  std::vector<float> log_prob{-1.0F, -1.0F, -2.0F, -1.0F};
  std::vector<float> rollout_log_prob{-1.0F, -1.0F - 0.6931472F, -2.0F + 0.6931472F, -1.0F};
  std::vector<float> advantage{1.0F, 1.0F, 1.0F, 0.0F};
  std::vector<float> reference{-1.5F, -1.0F, -2.0F, -0.5F};
  std::vector<float> loss = std::vector<float>(4), gradient = std::vector<float>(4);

  rollout_batch_view<float> lend() const {
    return rollout_batch(padded(1, 4), cppo::log_prob(log_prob), cppo::rollout_log_prob(rollout_log_prob),
                         cppo::advantage(advantage), cppo::reference_log_prob(reference));
  }
  template <class Region>
  report run(Region const& region, loss_options const& o = {}) {
    report r;
    REQUIRE(policy_loss(seq, lend(), region, {.loss = loss, .gradient = gradient, .report = &r}, o).ok());
    return r;
  }
};

}  // namespace

TEST_CASE("objective: the named rules have the bits of seq on every executor") {
  for (int k = 0; k < 10; ++k) {
    auto const rule = pick_surrogate(k, ppo_clip().surrogate(), ppo_rb().surrogate(), sapo().surrogate(),
                                     cispo().surrogate(), gpg_loss().surrogate(), dro().surrogate(),
                                     drpo().surrogate(), spo().surrogate(), tr_ppo({.delta = 0.01}).surrogate(),
                                     truly_ppo({.delta = 0.01}).surrogate());
    INFO("rule " << k);
    passes(check_region(objective(fixed_cppo({}, binary_kl), rule), {.batches = 12, .threads = k == 0}, bodies));
  }
}

TEST_CASE("objective: soft gates, penalties and a surrogate of one's own have the bits of seq on every executor") {
  auto const soft = objective(softened(fixed_cppo(), reciprocal_gate), cautious{0.5});
  passes(check_region(soft + penalty(kl_k3_plus(), 0.1) + 0.1 * penalty(ratio, entropy), {.batches = 24}, bodies));
}

TEST_CASE("objective: loss and slope are those of the surrogate, times mask and token weight") {
  small_batch b;
  report const r = b.run(objective(clipped(0.8, 1.2)));
  CHECK(b.loss == std::vector<float>{-1.0F, -1.2F, -0.5F, -0.0F});
  CHECK(b.gradient == std::vector<float>{-1.0F, 0.0F, -0.5F, -0.0F});
  CHECK(r.held == 1);  // the last token has slope 0 too, but does not teach
  CHECK(r.held_fraction() == 1.0 / 3.0);
  CHECK(r.teaching_kept == 3);
  b.run(objective(ppo(), score_form(2)));
  CHECK(b.gradient == std::vector<float>{-2.0F, 0.0F, -2.0F, -0.0F});
  CHECK(b.run(ppo()).held == 0);
}

TEST_CASE("objective: a penalty is outside mask and gate") {
  small_batch b;
  b.run(ppo() + penalty(kl_k1(), 2));
  CHECK(b.gradient == std::vector<float>{1.0F, 2.0F, 1.5F, 2.0F});
  CHECK(b.loss == std::vector<float>{0.0F, 0.0F, -0.5F, -1.0F});
  report const r = b.run(objective(ppo(), nothing) + penalty(kl_k1(), 1) + penalty(kl_k1(), 1));
  CHECK(b.gradient == std::vector<float>{2.0F, 2.0F, 2.0F, 2.0F});
  CHECK(r.held == 2);
}

TEST_CASE("objective: reporting and softened keep the surrogate") {
  small_batch b, c;
  auto const region = objective(ppo(), clipped(0.9, 1.1));
  b.run(region);
  report const r = c.run(reporting(region, binary_tv));
  CHECK(b.loss == c.loss);
  CHECK(r.max_divergence > 0.1);
  static_assert(decltype(softened(region, reciprocal_gate))::has_own_surrogate);
}

TEST_CASE("objective: options of the plain loss are refused, parameters and missing inputs named") {
  small_batch b;
  auto const answer = [&b](auto const& region, loss_options const& o = {}) {
    return std::string(describe(policy_loss(seq, b.lend(), region, {.gradient = b.gradient}, o)).c_str());
  };
  auto const says = [](std::string const& said, char const* words) { CHECK_THAT(said, cppo_test::contains(words)); };
  auto const rule = objective(clipped(0.8, 1.2));
  says(answer(rule, {.surrogate = {.form = surrogate_form::reinforce}}), "objective(region, score_form(ratio))");
  says(answer(rule, {.surrogate = {.ratio_cap = 2.0}}), "min(ratio, cap)");
  CHECK(policy_loss(seq, b.lend(), ppo(), {.gradient = b.gradient}, {.surrogate = {.ratio_cap = 2.0}}).ok());
  says(answer(objective(ppo(), cautious{-1.0})), "cautious(rate)");
  says(answer(objective(score_form(entropy))), "entropy is read by the region, but was not lent");
  b.reference[1] = 0.5F;
  says(answer(rule), "reference_log_prob at response 0, token 1 is 0.5, but must be finite");
}

TEST_CASE("objective: entropy and reference are checked alike on every executor") {
  auto const region = objective(score_form(entropy)) + penalty(kl_k2(), 1);
  testing::generator_options const g{.max_length = 40, .entropy = true, .reference = true};
  float const bad[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -2000.0F, 0.5F};
  for (std::uint64_t seed = 1; seed < 30; ++seed) {
    auto batch = testing::generate<float>(seed, g);
    std::vector<index_t> const tokens = batch.token_row(0);
    if (tokens.empty()) continue;
    auto const at = static_cast<std::size_t>(tokens[seed % tokens.size()]);
    (seed % 2 == 0 ? batch.entropy : batch.reference_log_prob)[at] = bad[seed % 8 / 2];
    for (on_bad_input const how : {on_bad_input::reject, on_bad_input::exclude, on_bad_input::propagate}) {
      INFO("seed " << seed);
      loss_options const o{.bad_input = how};
      auto const want = testing::capture(seq, batch, region, o);
      bool const fine = seed % 2 == 0 && bad[seed % 8 / 2] == 0.5F;
      CHECK((want.outcome.code == status_code::ok) == fine);
      CHECK(cppo_test::unlike(testing::capture(simd, batch, region, o), want, batch.rows()) == "");
      CHECK(cppo_test::unlike(testing::capture(kernel_bodies<4>{}, batch, region, o), want, batch.rows()) == "");
    }
  }
}
