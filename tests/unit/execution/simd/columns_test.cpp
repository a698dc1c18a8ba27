// Columns of every type under simd, against the plain definition: outputs, positions, checks of inputs.
#include "support/simd_against_seq.hpp"

#include <cppo/execution/simd/columns.hpp>

#include <cstring>
#include <limits>

namespace {

using namespace cppo_test;
using cppo::element_type;

constexpr element_type reals[] = {element_type::f32, element_type::f16, element_type::bf16, element_type::f64};

// Memory of any element type.
struct memory {
  element_type type;
  std::vector<unsigned char> bytes;

  memory(element_type t, std::size_t slots)
      : type(t), bytes(slots * static_cast<std::size_t>(cppo::detail::size_of(t)), 0x5a) {}
};

// Lends the memory as what it is.
template <class F>
auto lent_as(memory const& m, F const& f) {
  switch (m.type) {
    case element_type::f16: return f(reinterpret_cast<cppo::half const*>(m.bytes.data()));
    case element_type::bf16: return f(reinterpret_cast<cppo::bfloat16 const*>(m.bytes.data()));
    case element_type::f64: return f(reinterpret_cast<double const*>(m.bytes.data()));
    case element_type::i32: return f(reinterpret_cast<std::int32_t const*>(m.bytes.data()));
    case element_type::i64: return f(reinterpret_cast<std::int64_t const*>(m.bytes.data()));
    case element_type::u8: return f(reinterpret_cast<std::uint8_t const*>(m.bytes.data()));
    default: return f(reinterpret_cast<float const*>(m.bytes.data()));
  }
}
cppo::output written_to(memory& m) {
  return lent_as(m, [](auto const* p) {
    return cppo::output(const_cast<std::remove_const_t<std::remove_pointer_t<decltype(p)>>*>(p));
  });
}

// Runs on both executors with outputs of these types, the gate like the loss; says whether all bytes are the same.
template <class Batch, class Region>
bool same_outputs(Batch const& batch, Region const& region, std::size_t slots, element_type number, element_type mask,
                  cppo::loss_options const& o = {}) {
  std::vector<unsigned char> bytes[2];
  cppo::report reports[2];
  auto const run = [&](auto const& executor, int which) {
    memory loss(number, slots), gradient(number, slots), gate(number, slots), kept(mask, slots);
    bool const good = policy_loss(executor, batch, region,
                                  {.loss = written_to(loss), .gradient = written_to(gradient),
                                   .mask = written_to(kept), .gate = written_to(gate), .report = &reports[which]}, o)
                          .ok();
    for (memory const* m : {&loss, &gradient, &gate, &kept})
      bytes[which].insert(bytes[which].end(), m->bytes.begin(), m->bytes.end());
    return good;
  };
  return run(cppo::seq, 0) && run(cppo::simd, 1) && bytes[0] == bytes[1] && unlike(reports[1], reports[0]).empty();
}

}  // namespace

TEST_CASE("simd equals seq: outputs of every type, with holes and without", "[execution][simd]") {
  auto const hard = cppo::fixed_cppo({.delta_b = 0.002}, cppo::named_divergence::find("binary_tv"));
  auto const soft = softened(hard, cppo::reciprocal_gate);
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    generated_batch<float> batch = generate<float>(seed, {.max_length = 400, .holes = seed % 2 == 0});
    for (std::size_t i = 0; i < batch.advantage.size(); i += 3) batch.advantage[i] *= 1e-6F;  // some vanish
    for (std::size_t i = 1; i < batch.advantage.size(); i += 7) batch.advantage[i] *= 1e6F;   // some overflow
    auto const slots = static_cast<std::size_t>(batch.slots());
    for (element_type const number : reals) {
      for (element_type const mask : {element_type::u8, element_type::f32, element_type::i32, element_type::i64,
                                      element_type::f16, element_type::bf16, element_type::f64}) {
        INFO("seed " << seed << ", types " << static_cast<int>(number) << " and " << static_cast<int>(mask));
        CHECK(same_outputs(batch.view(), hard, slots, number, mask));
        if (mask == element_type::u8) CHECK(same_outputs(batch.view(), soft, slots, number, mask));
      }
    }
  }
}

TEST_CASE("simd equals seq: positions by column", "[execution][simd]") {
  auto const region = cppo::fixed_cppo({.delta_b = 0.002}, cppo::named_divergence::find("binary_tv"));
  cppo::loss_options const o{.positions = cppo::position_convention::padded_column};
  for (index_t const before : {index_t{0}, index_t{1}, index_t{37}, index_t{64}, index_t{300}}) {
    slot_rows rows(4);
    for (std::size_t b = 0; b < 4; ++b) {
      for (index_t i = 0; i < before; ++i) rows[b].push_back(-1);
      for (index_t i = 0; i < 350 - 90 * static_cast<index_t>(b); ++i) rows[b].push_back(b == 3 && i % 9 == 4 ? -1 : i);
      for (index_t i = 0; i < 5 * static_cast<index_t>(b); ++i) rows[b].push_back(-1);
    }
    generated_batch<float> const batch = rearranged(of_lengths({350}, 12, true), rows, arrangement::padded).batch;
    INFO(before << " excluded slots first");
    CHECK(seq_against_simd(batch, region, o, 1) == "");
    CHECK(seq_against_simd(batch, cppo::trm_max({}, cppo::named_divergence::find("binary_tv")), o, 1) == "");
  }
}

TEST_CASE("numbers that are not finite are found wherever they are, and numbers below 0", "[execution][simd]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), far = std::numeric_limits<float>::infinity();
  for (int n = 0; n <= 70; ++n) {
    std::vector<float> x(static_cast<std::size_t>(n), 0.5F);
    CHECK(cppo::detail::finite(x.data(), n));
    CHECK(cppo::detail::finite_and_not_below_0(x.data(), n));
    for (float& at : x) {
      for (float const bad : {nan, -nan, far, -far, -1e-30F, -0.0F, 3e38F}) {
        at = bad;
        bool const is_finite = bad == bad && bad != far && bad != -far;
        CHECK(cppo::detail::finite(x.data(), n) == is_finite);
        CHECK(cppo::detail::finite_and_not_below_0(x.data(), n) == (is_finite && !(bad < 0.0F)));
      }
      at = 0.5F;
    }
  }
}

TEST_CASE("products are those of each pair", "[execution][simd]") {
  for (int n = 0; n <= 70; ++n) {
    auto const size = static_cast<std::size_t>(n);
    std::vector<float> x(size), y(size), out(size + 1, 7.0F);
    for (std::size_t k = 0; k < size; ++k) x[k] = 1.0F / static_cast<float>(k + 3), y[k] = static_cast<float>(k) - 5.3F;
    cppo::detail::multiply(x.data(), y.data(), out.data(), n);
    bool right = out[size] == 7.0F;
    for (std::size_t k = 0; k < size; ++k) right = right && out[k] == cppo::detail::rounded_product(x[k], y[k]);
    CHECK(right);
  }
}
