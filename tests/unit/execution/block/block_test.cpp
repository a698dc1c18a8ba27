// The bodies of kernels on a block made of loops: the bits of the plain definition.
#include "support/catch_compat.hpp"
#include "support/generated_cases.hpp"

#include <cppo/described/divergence.hpp>
#include <cppo/testing/host_block.hpp>

#include <limits>
#include <type_traits>

namespace {

using namespace cppo_test;

template <int Threads, class T, class Region>
std::string seq_against_bodies(generated_batch<T> const& batch, Region const& region, cppo::loss_options const& o) {
  return seq_against(kernel_bodies<Threads>{}, batch, region, o);
}

template <class T>
void check(std::string_view divergence, std::uint64_t first, std::uint64_t seeds, generator_options o = {}) {
  o.top_k = divergence.starts_with("top_k") ? 5 : 0;
  o.divergence = divergence == "precomputed";
  every_need(cppo::named_divergence::find(divergence), [&](char const* name, auto const& region) {
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
      generated_batch<T> const batch = generate<T>(seed, o);
      INFO(name << " on " << std::string(divergence) << ", seed " << seed);
      auto const options = varied_options(seed, batch.packed);
      REQUIRE(seq_against_bodies<4>(batch, region, options) == "");
      if constexpr (!std::is_same_v<T, double>) {  // threads ask nothing of the type; they take long to compile
        if (seed % 4 == 0) REQUIRE(seq_against_bodies<64>(batch, region, options) == "");
      }
    }
  });
}

// Keeps a token whose first listed symbol is more probable under pi than under mu: reads the lists when it decides.
struct first_listed_rises {
  constexpr cppo::argument reads() const { return cppo::argument::top_k; }
  template <class V>
    requires(V::size == 1)
  constexpr typename V::mask operator()(cppo::token<V> const& t) const {
    auto const& lists = t.top_k();
    return V(lists.log_prob(0)) > V(lists.rollout_log_prob(0));
  }
};

}  // namespace

TEST_CASE("kernel bodies equal seq: Binary-TV, float", "[block]") {
  check<float>("binary_tv", 1, 30);
  check<float>("binary_tv", 500, 8, {.holes = false});
}

TEST_CASE("kernel bodies equal seq: every divergence", "[block]") {
  for (std::string_view const d : cppo::divergence_names()) check<float>(d, 100, 5);
}

TEST_CASE("kernel bodies equal seq: a mask that reads Top-K lists", "[block]") {
  auto const region = cppo::trust_region(cppo::top_k_tv, cppo::uniform_weight, first_listed_rises{});
  for (std::uint64_t seed = 700; seed < 720; ++seed) {
    INFO("seed " << seed);
    generated_batch<float> const batch = generate<float>(seed, {.top_k = 5});
    REQUIRE(seq_against_bodies<4>(batch, region, {}) == "");
    REQUIRE(seq_against_bodies<64>(batch, region, {}) == "");
  }
}

TEST_CASE("F30: a mask that reads lists has them at tokens with bad input in kernel bodies too", "[block]") {
  auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, first_listed_rises{});
  for (std::uint64_t seed = 740; seed < 750; ++seed) {
    INFO("seed " << seed);
    generated_batch<float> batch = generate<float>(seed, {.top_k = 5});
    for (std::size_t i = 0; i < batch.log_prob.size(); i += 3) {
      batch.log_prob[i] = std::numeric_limits<float>::quiet_NaN();
    }
    REQUIRE(seq_against_bodies<4>(batch, region, {.bad_input = cppo::on_bad_input::propagate}) == "");
  }
}

TEST_CASE("kernel bodies equal seq: double, half and bfloat16 inputs", "[block]") {
  check<double>("binary_tv", 200, 6);
  check<cppo::half>("binary_tv", 300, 6);
  check<cppo::bfloat16>("precomputed", 400, 4);
}

TEST_CASE("kernel bodies equal seq: every length to 70, and those around blocks of 256", "[block]") {
  std::vector<index_t> lengths;
  for (index_t n = 0; n <= 70; ++n) lengths.push_back(n);
  for (index_t const n : {255, 256, 257, 271, 272, 273, 511, 512, 513, 528, 1100}) lengths.push_back(n);
  for (bool const packed : {false, true}) {
    generated_batch<float> const batch = of_lengths(lengths, 7, packed);
    every_need(cppo::named_divergence::find("precomputed"), [&](char const* name, auto const& region) {
      INFO(name);
      REQUIRE(seq_against_bodies<4>(batch, region, {.aggregate = cppo::seq_mean_token_mean}) == "");
      REQUIRE(seq_against_bodies<64>(batch, region, {.aggregate = cppo::seq_mean_token_mean}) == "");
    });
  }
}

TEST_CASE("kernel bodies equal seq: as many threads as a cluster of blocks has", "[block]") {
  generated_batch<float> const batch = of_lengths({5000, 1024, 1025, 3, 2047}, 9, true);
  auto const d = cppo::named_divergence::find("precomputed");
  REQUIRE(seq_against_bodies<1024>(batch, cppo::calibrated_cppo({.delta_b = 0.02}, d), {}) == "");
  REQUIRE(seq_against_bodies<1024>(batch, softened(cppo::fixed_cppo({}, d), cppo::reciprocal_gate), {}) == "");
}

TEST_CASE("kernel bodies equal seq: a hole at each slot of a tile", "[block]") {
  generated_batch<float> whole = of_lengths({90}, 8, true);
  whole.lends_mask = true;
  auto const region = cppo::calibrated_cppo({.delta_b = 0.02}, cppo::named_divergence::find("precomputed"));
  for (std::size_t hole = 0; hole < 90; ++hole) {
    generated_batch<float> batch = whole;
    batch.valid[hole] = 0;
    batch.seal();
    batch.refill_excluded(1);
    INFO("hole " << hole);
    REQUIRE(seq_against_bodies<4>(batch, region, {}) == "");
  }
}

TEST_CASE("kernel bodies equal seq: divergences that are zeros of both signs", "[block]") {
  every_need(cppo::named_divergence::find("precomputed"), [](char const* name, auto const& region) {
    for (std::size_t const keep : {std::size_t{2}, std::size_t{9}, std::size_t{1000}}) {
      INFO(name << ", one kept of " << keep);
      REQUIRE(seq_against_bodies<4>(of_zeros(keep, keep), region, {}) == "");
    }
  });
}

TEST_CASE("kernel bodies equal seq: more responses than a block of the report", "[block]") {
  std::vector<index_t> lengths;
  for (index_t b = 0; b < 1100; ++b) lengths.push_back(b * 7 % 23);
  generated_batch<float> const batch = of_lengths(lengths, 12, true);
  auto const region = cppo::calibrated_cppo({.delta_b = 0.02}, cppo::named_divergence::find("precomputed"));
  REQUIRE(seq_against_bodies<4>(batch, region, {.aggregate = cppo::token_mean}) == "");
  REQUIRE(seq_against_bodies<64>(batch, region, {}) == "");
}

TEST_CASE("kernel bodies equal seq: bad input, whatever is to be done with it", "[block]") {
  auto const how = GENERATE(cppo::on_bad_input::reject, cppo::on_bad_input::exclude, cppo::on_bad_input::propagate);
  auto const d = cppo::named_divergence::find("binary_tv");
  int bad = 0;
  for (std::uint64_t seed = 600; seed < 660; ++seed) {
    generated_batch<float> batch = generate<float>(seed);
    random_source random(seed);
    for (int k = 0; k < 3 && batch.slots() > 0; ++k) {
      auto const slot = static_cast<std::size_t>(random.below(batch.slots()));
      bool const low = k < 2 && random.chance(0.4);  // below the floor of log-probs
      float const x = low ? -9999.0F : poison<float>(static_cast<int>(random.below(4)));
      (k == 0 ? batch.log_prob : k == 1 ? batch.rollout_log_prob : batch.advantage)[slot] = x;
      bad += batch.valid[slot];
    }
    INFO("seed " << seed);
    cppo::loss_options const o{.aggregate = seed % 2 == 0 ? cppo::token_sum : cppo::token_mean, .bad_input = how};
    REQUIRE(seq_against_bodies<4>(batch, cppo::fixed_cppo({}, d), o) == "");
    REQUIRE(seq_against_bodies<4>(batch, cppo::calibrated_cppo({.delta_b = 0.02}, d), o) == "");
  }
  CHECK(bad > 30);
}

TEST_CASE("kernel bodies equal seq: masks that are not binary, lists and values that are not valid", "[block]") {
  auto const how = GENERATE(cppo::on_bad_input::reject, cppo::on_bad_input::exclude, cppo::on_bad_input::propagate);
  std::vector<float> pi(40, -0.3F), mu(40, -0.2F), a(40, 1.0F), d(40, 0.01F), w(40, 1.0F), want(40), got(40);
  std::vector<std::uint8_t> mask(40, 1);
  mask[3] = 0, mask[17] = 2, mask[25] = 255;
  d[5] = -1.0F, w[30] = std::numeric_limits<float>::infinity();
  auto const batch =
      cppo::rollout_batch(cppo::padded(4, 10), cppo::log_prob(pi), cppo::rollout_log_prob(mu), cppo::advantage(a),
                          cppo::response_mask(mask), cppo::divergence_values(d), cppo::token_weight(w));
  auto const region = cppo::calibrated_cppo({}, cppo::named_divergence::find("precomputed"));
  cppo::report r, s;
  auto const one = policy_loss(cppo::seq, batch, region, {.gradient = want, .report = &r}, {.bad_input = how});
  auto const other =
      policy_loss(kernel_bodies<4>{}, batch, region, {.gradient = got, .report = &s}, {.bad_input = how});
  CHECK(same_status(one, other));
  CHECK(r.bad_tokens == 4);
  CHECK(unlike(s, r) == "");
  CHECK(std::memcmp(want.data(), got.data(), sizeof(float) * 40) == 0);
}

TEST_CASE("kernel bodies equal seq: what only the whole batch has wrong refuses the call", "[block]") {
  // Several are too long, two of them one thread's.
  generated_batch<float> const batch = of_lengths({5, 9, 12, 3, 4, 11, 15, 2, 1, 13}, 8, GENERATE(false, true));
  auto const region = cppo::fixed_cppo({}, cppo::named_divergence::find("precomputed"));
  std::vector<float> gradient(static_cast<std::size_t>(batch.slots()), 7.0F);
  cppo::loss_options const o{.horizon = 10, .positions = cppo::position_convention::fixed_horizon};
  auto const one = policy_loss(cppo::seq, batch.view(), region, {.gradient = gradient}, o);
  auto const other = policy_loss(kernel_bodies<4>{}, batch.view(), region, {.gradient = gradient}, o);
  CHECK(one.code == cppo::status_code::horizon_too_short);
  CHECK(same_status(one, other));
  CHECK(gradient == std::vector<float>(gradient.size(), 7.0F));
}

TEST_CASE("kernel bodies equal seq: no response at all", "[block]") {
  float const* const none = nullptr;
  std::vector<std::int64_t> const offsets{0};
  auto const same = [&](cppo::layout const& shape, cppo::loss_options const& o) {
    auto const batch =
        cppo::rollout_batch(shape, cppo::log_prob(none), cppo::rollout_log_prob(none), cppo::advantage(none));
    auto const region = cppo::calibrated_cppo();
    cppo::report r, s;
    auto const one = policy_loss(cppo::seq, batch, region, {.report = &r}, o);
    auto const other = policy_loss(kernel_bodies<4>{}, batch, region, {.report = &s}, o);
    CHECK(one.code == cppo::status_code::no_active_tokens);
    CHECK(same_status(one, other));
    CHECK(unlike(s, r) == "");
  };
  for (auto const& aggregate : {cppo::token_sum, cppo::token_mean}) {
    same(cppo::padded(0, 8), {.aggregate = aggregate});
    same(cppo::packed(offsets), {.aggregate = aggregate});
  }
}

TEST_CASE("kernel bodies refuse offsets that are out of order or do not go from 0 to the elements", "[block]") {
  std::vector<float> pi(40, -0.3F), mu(40, -0.2F), a(40, 1.0F);
  auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, cppo::keep_all);
  using task_type = cppo::detail::task<float, std::remove_cvref_t<decltype(region)>>;
  auto const refusal = [&](std::vector<std::int64_t> const& offsets) {
    auto const batch =
        cppo::rollout_batch(cppo::packed_on_device(offsets.data(), static_cast<index_t>(offsets.size()) - 1, 40),
                            cppo::log_prob(pi.data()), cppo::rollout_log_prob(mu.data()), cppo::advantage(a.data()));
    task_type t{{.batch = batch, .objective = cppo::surrogate<float>(cppo::surrogate_options{})}, region};
    return cppo::testing::kernels::host_kernels<4, float, std::remove_cvref_t<decltype(region)>>().run(t, nullptr);
  };
  auto const refused_at = [&](std::vector<std::int64_t> const& offsets, index_t response) {
    auto const s = refusal(offsets);
    CHECK(s.code == cppo::status_code::bad_offsets);
    CHECK(s.where == cppo::argument::offsets);
    CHECK(s.response == response);
  };
  CHECK(refusal({0, 10, 40}).ok());
  refused_at({0, 10, 41}, 1);
  refused_at({0, 10, 5, 40}, 1);
  refused_at({-1, 10, 40}, 0);
  refused_at({1, 10, 40}, 0);
  refused_at({0, 10, 39}, 1);
  random_source random(6);
  for (int n = 0; n < 300; ++n) {
    std::vector<std::int64_t> offsets{0};
    for (int b = 0; b < 17; ++b) offsets.push_back(offsets.back() + random.below(3));
    for (index_t k = random.below(4); k > 0; --k)
      offsets[1 + static_cast<std::size_t>(random.below(17))] = random.below(60);
    index_t first = 0;
    while (first < 17 && offsets[static_cast<std::size_t>(first)] <= offsets[static_cast<std::size_t>(first) + 1] &&
           offsets[static_cast<std::size_t>(first) + 1] <= 40)
      ++first;
    if (first == 17 && offsets.back() != 40) first = 16;
    INFO("draw " << n);
    if (first < 17) refused_at(offsets, first);
    else CHECK(refusal(offsets).ok());
  }
}

TEST_CASE("who works on a response goes by its slots, and those in front are as many as the order says", "[block]") {
  using cppo::detail::team, cppo::detail::team_for;
  for (bool const clusters : {false, true}) {
    CHECK(team_for(0, clusters) == team::warp);
    CHECK(team_for(255, clusters) == team::warp);
    CHECK(team_for(256, clusters) == team::block);
    CHECK(team_for(4095, clusters) == team::block);
    CHECK(team_for(4096, clusters) == (clusters ? team::cluster : team::block));
    CHECK(team_for(index_t{1} << 40, clusters) == (clusters ? team::cluster : team::block));
  }
  std::vector<std::int64_t> offsets{0};
  index_t clusters = 0, not_for_warps = 0;
  for (index_t const slots : {3, 256, 4096, 255, 0, 5000, 4095, 9000, 1, 700}) {
    offsets.push_back(offsets.back() + slots);
    clusters += team_for(slots, true) == team::cluster ? 1 : 0;
    not_for_warps += team_for(slots, false) == team::block ? 1 : 0;
  }
  std::vector<float> const x(static_cast<std::size_t>(offsets.back()), -0.5F);
  auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, cppo::keep_all);
  using region_type = std::remove_cvref_t<decltype(region)>;
  auto const batch =
      cppo::rollout_batch(cppo::packed(offsets), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
  cppo::detail::task<float, region_type> const t{
      {.batch = batch, .objective = cppo::surrogate<float>(cppo::surrogate_options{})}, region};
  cppo::detail::call_memory<float> m;
  std::vector<std::max_align_t> room(m.place<region_type>(nullptr, batch.shape()) / sizeof(std::max_align_t) + 1);
  m.place<region_type>(room.data(), batch.shape());
  host_block<4> threads;
  std::uint32_t buckets[64];
  prepare_call(threads, buckets, t, m);
  CHECK(m.state->refused.ok());
  CHECK(m.state->for_clusters == clusters);
  CHECK(m.state->not_for_warps == not_for_warps);
  std::vector<index_t> order(m.order, m.order + 10);
  for (index_t k = 0; k < 10; ++k) {
    index_t const slots = batch.shape().slots(order[static_cast<std::size_t>(k)]);
    CHECK((team_for(slots, true) == team::cluster) == (k < clusters));
    CHECK((team_for(slots, true) == team::warp) == (k >= not_for_warps));
  }
  std::sort(order.begin(), order.end());
  for (index_t b = 0; b < 10; ++b) CHECK(order[static_cast<std::size_t>(b)] == b);
}

TEST_CASE("the parts of a call's memory lie one behind the other, each on 256 bytes", "[block]") {
  std::vector<std::int32_t> const offsets{0, 3, 70, 70, 135};
  std::vector<double> const x(135, -0.5);
  auto const batch =
      cppo::rollout_batch(cppo::packed(offsets), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
  using region_type = decltype(cppo::calibrated_cppo());
  cppo::detail::call_memory<double> m;
  std::size_t const bytes = m.place<region_type>(nullptr, batch.shape());
  std::vector<std::byte> room(bytes + 256);
  std::size_t const skip = 256 - reinterpret_cast<std::uintptr_t>(room.data()) % 256;
  CHECK(m.place<region_type>(room.data() + skip, batch.shape()) == bytes);
  auto ends_before = [&, end = room.data() + skip](auto const* part, std::size_t n) mutable {
    auto const* const begin = reinterpret_cast<std::byte const*>(part);
    CHECK(reinterpret_cast<std::uintptr_t>(begin) % 256 == 0);
    CHECK((begin >= end && begin < end + 256));
    end = room.data() + (begin - room.data()) + static_cast<std::ptrdiff_t>(n * sizeof(*part));
    return end;
  };
  ends_before(m.state, 1);
  ends_before(m.outcomes, 4);
  ends_before(m.folds, static_cast<std::size_t>(cppo::detail::fold_parts(4)));
  ends_before(m.tokens, 4);
  ends_before(m.order, 4);
  CHECK(ends_before(m.divergences, 135) <= room.data() + skip + bytes);
}

TEST_CASE("kernel bodies equal seq: outputs of another type", "[block]") {
  generated_batch<float> const batch = of_lengths({5, 90, 12, 0, 33}, 8, true);
  auto const region = cppo::fixed_cppo({}, cppo::named_divergence::find("precomputed"));
  auto const same = [&]<class Gradient, class Mask>(Gradient, Mask) {
    std::vector<Gradient> want(static_cast<std::size_t>(batch.slots())), got(want.size());
    std::vector<Mask> kept(want.size()), mask(want.size());
    CHECK(policy_loss(cppo::seq, batch.view(), region, {.gradient = want, .mask = kept}).ok());
    CHECK(policy_loss(kernel_bodies<4>{}, batch.view(), region, {.gradient = got, .mask = mask}).ok());
    CHECK(std::memcmp(want.data(), got.data(), sizeof(Gradient) * want.size()) == 0);
    CHECK(kept == mask);
  };
  same(0.0, std::uint8_t{});
  same(cppo::half{}, std::uint8_t{});
  same(0.0F, 0.0F);
  same(0.0F, std::int32_t{});
}

TEST_CASE("kernel bodies equal seq: a clause that is a user's", "[block]") {
  generated_batch<float> const batch = of_lengths({5, 90, 12, 300, 33}, 8, true);
  auto const region = cppo::trust_region(cppo::named_divergence::find("precomputed"), cppo::uniform_weight,
                                         !cppo::divergence_within(0.01));
  cppo::report r;
  CHECK(policy_loss(cppo::seq, batch.view(), region, {.report = &r}).ok());
  CHECK(r.masked_other > 0);
  REQUIRE(seq_against_bodies<4>(batch, region, {}) == "");
}

TEST_CASE("kernel bodies equal seq: pieces", "[block]") {
  generated_batch<float> const batch = of_lengths({300, 40, 0, 77}, 8, true);
  auto const d = cppo::named_divergence::find("precomputed");
  auto const whole = softened(cppo::fixed_cppo({}, d), cppo::reciprocal_gate);
  std::vector<cppo::prefix_sums> carries(4);
  std::vector<cppo::response_summary> totals(4);
  for (std::size_t b = 0; b < 4; ++b) {
    carries[b] = {cppo::detail::to_grid(0.7 * static_cast<double>(b)), cppo::detail::to_grid(900.0),
                  cppo::detail::to_grid(1.3), static_cast<index_t>(1000 * b)};
    totals[b].length = 4000, totals[b].delta_b = 0.01 * static_cast<double>(b), totals[b].max_divergence = 0.5;
  }
  for (auto const how : {cppo::on_bad_input::reject, cppo::on_bad_input::exclude}) {
    cppo::loss_options const o{.aggregate = cppo::token_mean, .bad_input = how, .carries = carries, .totals = totals};
    REQUIRE(seq_against_bodies<4>(batch, whole, o) == "");
    totals[3].bad_tokens = 2;  // another piece was at fault
    REQUIRE(seq_against_bodies<4>(batch, whole, o) == "");
  }
  totals[1].length = 1030;
  REQUIRE(seq_against_bodies<4>(batch, whole, {.carries = carries, .totals = totals}) == "");
}

TEST_CASE("order statistics by digits are those by sorting", "[block]") {
  using block = host_block<4>;
  using statistics = cppo::detail::block_statistics<block, float>;
  random_source random(4);
  int wrong = 0, inside = 0;
  for (int i = 0; i < 1500; ++i) {
    index_t const n = 1 + random.below(200);
    std::vector<float> divergences, slots;
    for (index_t k = 0; k < n; ++k) {
      float x = static_cast<float>(i % 3 == 0 ? static_cast<double>(random.below(5)) / 8.0
                                              : random.uniform(-1.0, 1.0) * (i % 2 == 0 ? 1e-3 : 900.0));
      if (i % 30 == 0 || (x == 0.0F && random.chance(0.5))) x = -0.0F;
      divergences.push_back(x);
      if (random.chance(0.2)) slots.push_back(std::numeric_limits<float>::quiet_NaN());
      slots.push_back(x);
    }
    block threads;
    statistics::storage shared;
    cppo::response_summary whole;
    whole.length = n;
    statistics const s(whole, threads, shared, slots.data(), static_cast<index_t>(slots.size()));
    double const q = i % 5 == 0 ? 1.0 : i % 7 == 0 ? 0.0 : random.uniform(0.0, 1.0);
    double const want = cppo::quantile(divergences.data(), n, q);
    wrong += same_bits(s.quantile(q), want) ? 0 : 1;  // no -0 either
    double const scale = i % 4 == 0 ? 0.7 : 1.0,
                 low = i % 6 < 2 ? std::max(0.0, scale * want) * (i % 6 == 0 ? 1.0 : 0.7) : random.uniform(0.0, 0.2),
                 high = 2.0 * low;
    double const clamped = scale * want < low ? low : scale * want > high ? high : scale * want;
    inside += clamped > low && clamped < high ? 1 : 0;
    wrong += s.clamped_quantile(q, scale, low, high) == clamped ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK(inside > 50);
}

TEST_CASE("of no divergence, the quantile is 0, and a budget the least allowed", "[block]") {
  using statistics = cppo::detail::block_statistics<host_block<4>, float>;
  std::vector<float> const none(3, std::numeric_limits<float>::quiet_NaN());
  host_block<4> threads;
  statistics::storage shared;
  for (index_t const slots : {0, 3}) {
    cppo::response_summary const whole;
    statistics const s(whole, threads, shared, none.data(), slots);
    CHECK(same_bits(s.quantile(0.9), 0.0));
    CHECK(s.clamped_quantile(0.9, 1.0, 0.01, 0.02) == 0.01);
  }
}
