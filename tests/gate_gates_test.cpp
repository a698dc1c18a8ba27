// The gates of App. C, value by value.
#include "lane_sets.hpp"
#include "catch_compat.hpp"

#include <cppo/gate/gates.hpp>

namespace {

template <class G>
float at(G const& g, float x) {
  return g(cppo::float_lane(x)).raw();
}

}  // namespace

TEST_CASE("the hard gate is 1 up to the boundary, inclusive, and 0 past it", "[gate]") {
  CHECK(at(cppo::hard_gate, 0.0F) == 1.0F);
  CHECK(at(cppo::hard_gate, 1.0F) == 1.0F);
  CHECK(at(cppo::hard_gate, std::nextafter(1.0F, 2.0F)) == 0.0F);
}

TEST_CASE("the reciprocal gate is min(1, 1/x), finite everywhere, the same bits on registers", "[gate]") {
  CHECK(at(cppo::reciprocal_gate, 0.0F) == 1.0F);
  CHECK(at(cppo::reciprocal_gate, 1.0F) == 1.0F);
  CHECK(at(cppo::reciprocal_gate, 4.0F) == 0.25F);
  CHECK(at(cppo::reciprocal_gate, -3.0F) == 1.0F);
  CHECK(at(cppo::reciprocal_gate, 3e38F) > 0.0F);
  cppo::testing::random_source random(1);
  int wrong = 0;
  for (int i = 0; i < 2000; ++i) {
    float x[cppo::simd_lane::size], y[cppo::simd_lane::size];
    for (float& v : x) v = static_cast<float>(random.exponential() * 3.0);
    cppo_test::scatter(y, cppo::reciprocal_gate(cppo_test::gather(x)));
    for (int k = 0; k < cppo::simd_lane::size; ++k) {
      wrong += y[k] == at(cppo::reciprocal_gate, x[k]) && (x[k] <= 1.0F || y[k] * x[k] <= 1.0F + 1e-7F) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}
