// testing/cuda_copies.cuh without a device: what is copied, and what comes back.
#include "../../support/generated_cases.hpp"
#include "in_place_of_kernels.hpp"

#include <cppo/testing/cuda_copies.cuh>

#include "support/catch_compat.hpp"

namespace {

using namespace cppo_test;
using cppo::detail::footprint;
using cppo::testing::kernels::device_copies;

template <class T>
std::string over_seeds(cppo::testing::generator_options const& o = {}) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    auto const batch = generate<T>(seed, o);
    std::string const wrong =
        seq_against(on_copies{}, batch, cppo::calibrated_cppo({.delta_b = 0.02}), varied_options(seed, batch.packed));
    if (!wrong.empty()) return "seed " + std::to_string(seed) + ": " + wrong;
  }
  return "";
}

}  // namespace

TEST_CASE("copies: random batches come back as seq leaves them", "[cuda]") {
  CHECK(over_seeds<float>() == "");
  CHECK(over_seeds<double>({.holes = false}) == "");
  CHECK(over_seeds<cppo::half>() == "");
}

TEST_CASE("copies: a part of larger buffers is copied from where it begins", "[cuda]") {
  for (std::int64_t const lead : {0, 1, 5, 64}) {
    std::vector<std::int64_t> const offsets{lead, lead + 3, lead + 3, lead + 7};
    // Nothing of a buffer lies before its first slot: the pointer to slot 0 is out of it.
    std::vector<float> const pi{-0.5F, -1.0F, -0.25F, -2.0F, -0.75F, -0.125F, -1.5F}, mu(7, -0.5F), a(7, 1.0F);
    std::vector<float> want(7, 9.0F), got(7, 9.0F);
    auto const from_zero = [lead](auto& v) {
      return reinterpret_cast<decltype(v.data())>(reinterpret_cast<std::uintptr_t>(v.data()) -
                                                  static_cast<std::uintptr_t>(lead) * sizeof(float));
    };
    auto const batch =
        cppo::rollout_batch(cppo::packed(offsets.data(), 3).part_of(lead + 7), cppo::log_prob(from_zero(pi)),
                            cppo::rollout_log_prob(from_zero(mu)), cppo::advantage(from_zero(a)));
    REQUIRE(policy_loss(cppo::seq, batch, cppo::fixed_cppo(), {.gradient = from_zero(want)}).ok());
    REQUIRE(policy_loss(on_copies{}, batch, cppo::fixed_cppo(), {.gradient = from_zero(got)}).ok());
    CHECK(got == want);
    CHECK(want[6] != 9.0F);
  }
}

TEST_CASE("copies: a buffer keeps its place relative to its pointer, whatever its strides", "[cuda]") {
  std::vector<float> host(64);
  for (std::size_t k = 0; k < 64; ++k) host[k] = static_cast<float>(k);
  auto const step = static_cast<cppo::index_t>(sizeof(float));
  auto const at = [&](std::size_t k) { return reinterpret_cast<std::uintptr_t>(&host[k]); };
  struct lent { float const* pointer; footprint memory; };
  for (lent const& l : {lent{host.data(), {at(0), step, {4, 16}, {16 * step, step}}},   // all of it
                        lent{host.data(), {at(20), step, {1, 8}, {0, step}}},           // from slot 20 on
                        lent{&host[63], {at(63), step, {4, 16}, {-16 * step, -step}}},  // backward
                        lent{&host[60], {at(40), step, {3, 5}, {step, -4 * step}}}}) {  // both ways, from elsewhere
    device_copies copies(nullptr);
    void const* moved = l.pointer;
    copies.move(moved, l.memory);
    REQUIRE(copies.size() == 1);
    auto const to_first = static_cast<std::ptrdiff_t>(l.memory.base - reinterpret_cast<std::uintptr_t>(l.pointer));
    for (cppo::index_t i = 0; i < l.memory.extents[0]; ++i) {
      for (cppo::index_t j = 0; j < l.memory.extents[1]; ++j) {
        auto const d = to_first + i * l.memory.steps[0] + j * l.memory.steps[1];
        char const* const there = static_cast<char const*>(moved) + d;
        REQUIRE(stand_in::holder(there) != nullptr);
        CHECK(*reinterpret_cast<float const*>(there) ==
              *reinterpret_cast<float const*>(reinterpret_cast<char const*>(l.pointer) + d));
      }
    }
  }
  CHECK(stand_in::memory.empty());
}

TEST_CASE("copies: outputs woven into each other come back without what lies between", "[cuda]") {
  std::vector<float> const pi{-0.5F, -1.0F, -0.25F, -2.0F}, mu(4, -0.5F), a(4, 1.0F);
  auto const batch =
      cppo::rollout_batch(cppo::padded(2, 2), cppo::log_prob(pi), cppo::rollout_log_prob(mu), cppo::advantage(a));
  std::vector<float> want(12, 9.0F), got(12, 9.0F);
  auto const run = [&](auto const& executor, std::vector<float>& x) {
    auto const every_third = [&x](int k) { return cppo::matrix_view<float>(x.data() + k, 2, 2, 6, 3); };
    return policy_loss(executor, batch, cppo::fixed_cppo(), {.loss = every_third(0), .gradient = every_third(1)}).ok();
  };
  REQUIRE(run(cppo::seq, want));
  REQUIRE(run(on_copies{}, got));
  CHECK(got == want);
  for (std::size_t k = 2; k < 12; k += 3) CHECK(got[k] == 9.0F);
}

TEST_CASE("copies: offsets of any integers are copied, and nothing past them is read", "[cuda]") {
  std::vector<float> const pi{-0.5F, -1.0F, -0.25F, -2.0F, -0.75F}, mu(5, -0.5F), a(5, 1.0F);
  auto const check = [&]<class Offset>(Offset) {
    std::vector<Offset> const offsets{Offset{0}, Offset{3}, Offset{5}};
    std::vector<float> want(5, 9.0F), got(5, 9.0F);
    auto const batch =
        cppo::rollout_batch(cppo::packed(offsets), cppo::log_prob(pi), cppo::rollout_log_prob(mu), cppo::advantage(a));
    REQUIRE(policy_loss(cppo::seq, batch, cppo::fixed_cppo(), {.gradient = want}).ok());
    REQUIRE(policy_loss(on_copies{}, batch, cppo::fixed_cppo(), {.gradient = got}).ok());
    CHECK(got == want);
  };
  check(std::uint8_t{}), check(std::int8_t{}), check(std::uint16_t{}), check(std::int32_t{}), check(std::uint32_t{});
  check(std::size_t{});
}

TEST_CASE("copies: a stream that fails is a status", "[cuda]") {
  stand_in::fails = true;
  std::vector<float> const x(4, -0.5F);
  std::vector<float> g(4, 9.0F);
  auto const batch =
      cppo::rollout_batch(cppo::padded(2, 2), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
  CHECK(policy_loss(on_copies{}, batch, cppo::fixed_cppo(), {.gradient = g}).code == cppo::status_code::device_error);
  stand_in::fails = false;
  CHECK(g == std::vector<float>(4, 9.0F));
}
