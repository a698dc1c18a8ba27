// Lane arithmetic: one answer on every width, two roundings, constant evaluation.
#include "support/catch_compat.hpp"
#include "support/lane_sets.hpp"

#include <cppo/core/arithmetic.hpp>
#include <cppo/core/exponential.hpp>
#include <cppo/testing/emulated_lanes.hpp>

#include <array>
#include <cmath>

namespace {

using namespace cppo;
using cppo_test::gather;
using cppo_test::same_number;
using cppo_test::scatter;

constexpr int width = simd_lane::size;

// How many results of f(a, b) differ between scalar lanes and registers.
template <class F>
int differences(F const& f, std::vector<std::pair<float, float>> const& pairs) {
  int wrong = 0;
  for (std::size_t from = 0; from < pairs.size(); from += width) {
    float a[width] = {}, b[width] = {}, got[width];
    for (std::size_t k = 0; k < width && from + k < pairs.size(); ++k) std::tie(a[k], b[k]) = pairs[from + k];
    scatter(got, f(gather(a), gather(b)));
    for (int k = 0; k < width; ++k) {
      float const want = f(float_lane(a[k]), float_lane(b[k])).raw();
      wrong += same_number(got[k], want) ? 0 : 1;
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("every lane operation has the same bits on scalars and registers", "[core][numeric]") {
  auto const pairs = cppo_test::float_pairs(20000);
  auto const truth = [](auto m, auto a) { return select(m, decltype(a)(1), decltype(a)(0)); };
  CHECK(differences([](auto a, auto b) { return a + b; }, pairs) == 0);
  CHECK(differences([](auto a, auto b) { return a - b; }, pairs) == 0);
  CHECK(differences([](auto a, auto b) { return a * b; }, pairs) == 0);
  CHECK(differences([](auto a, auto b) { return a / b; }, pairs) == 0);
  CHECK(differences([](auto a, auto) { return -a; }, pairs) == 0);
  CHECK(differences([](auto a, auto b) { return min(a, b); }, pairs) == 0);
  CHECK(differences([](auto a, auto b) { return max(a, b); }, pairs) == 0);
  CHECK(differences([](auto a, auto) { return abs(a); }, pairs) == 0);
  CHECK(differences([](auto a, auto) { return exp(a); }, pairs) == 0);
  CHECK(differences([](auto a, auto) { return log(a); }, pairs) == 0);
  CHECK(differences([](auto a, auto b) { return detail::flip_sign(a, b); }, pairs) == 0);
  CHECK(differences([](auto a, auto b) { return select(a < b, a, b); }, pairs) == 0);
  CHECK(differences([&](auto a, auto b) { return truth(a < b, a); }, pairs) == 0);
  CHECK(differences([&](auto a, auto b) { return truth(a <= b, a); }, pairs) == 0);
  CHECK(differences([&](auto a, auto b) { return truth(a > b, a); }, pairs) == 0);
  CHECK(differences([&](auto a, auto b) { return truth(a >= b, a); }, pairs) == 0);
  CHECK(differences([&](auto a, auto b) { return truth(a == b, a); }, pairs) == 0);
  CHECK(differences([&](auto a, auto b) { return truth(a != b, a); }, pairs) == 0);
  CHECK(differences([&](auto a, auto b) { return truth((a < b) & (a == a), a); }, pairs) == 0);
  CHECK(differences([&](auto a, auto b) { return truth((a < b) | (b == a), a); }, pairs) == 0);
  CHECK(differences([&](auto a, auto b) { return truth(!(a < b), a); }, pairs) == 0);
}

TEST_CASE("comparisons, minimum and maximum follow their table for NaN and zeros", "[core][numeric]") {
  float_lane const nan(std::numeric_limits<float>::quiet_NaN()), one(1), zero(0.0F), minus_zero(-0.0F);
  CHECK_FALSE((nan < one).raw());
  CHECK_FALSE((nan <= nan).raw());
  CHECK_FALSE((one > nan).raw());
  CHECK_FALSE((one >= nan).raw());
  CHECK_FALSE((nan == nan).raw());
  CHECK((nan != nan).raw());
  CHECK((zero == minus_zero).raw());
  CHECK(min(nan, one).raw() == 1.0F);  // a < b ? a : b
  CHECK(std::isnan(min(one, nan).raw()));
  CHECK(max(nan, one).raw() == 1.0F);
  CHECK(std::signbit(max(zero, minus_zero).raw()));
  CHECK_FALSE(std::signbit(min(minus_zero, zero).raw()));
  CHECK(std::signbit((-zero).raw()));
}

namespace {

// Results of a b + c and c - a b that are not twice rounded, and how often a fused operation would differ.
template <class T>
struct rounding_count {
  int wrong = 0, telling = 0;

  void add(T a, T b, T c, T sum, T difference) {
    T volatile const product = a * b;  // volatile: rounded by being stored
    wrong +=
        same_number(sum, static_cast<T>(product + c)) && same_number(difference, static_cast<T>(c - product)) ? 0 : 1;
    telling += std::fma(a, b, c) != product + c ? 1 : 0;
  }
};

template <class T>
T draw(testing::random_source& random) {
  return static_cast<T>(random.uniform(-2.0, 2.0));
}

}  // namespace

TEST_CASE("a product is rounded before it is added", "[core][numeric]") {
  testing::random_source random(3);
  rounding_count<float> scalar, registers;
  rounding_count<double> wide;
  for (int i = 0; i < 2000; ++i) {
    float a[width], b[width], c[width], sum[width], difference[width];
    for (int k = 0; k < width; ++k) {
      a[k] = draw<float>(random);
      b[k] = draw<float>(random);
      c[k] = draw<float>(random);
      float_lane const x(a[k]), y(b[k]), z(c[k]);
      scalar.add(a[k], b[k], c[k], (x * y + z).raw(), (z - x * y).raw());
    }
    scatter(sum, gather(a) * gather(b) + gather(c));
    scatter(difference, gather(c) - gather(a) * gather(b));
    for (int k = 0; k < width; ++k) registers.add(a[k], b[k], c[k], sum[k], difference[k]);
    double const p = draw<double>(random), q = draw<double>(random), r = draw<double>(random);
    double_lane const x(p), y(q), z(r);
    wide.add(p, q, r, (x * y + z).raw(), (z - x * y).raw());
  }
  CHECK(scalar.wrong == 0);
  CHECK(registers.wrong == 0);
  CHECK(wide.wrong == 0);
  CHECK(scalar.telling > 1000);
  CHECK(registers.telling > 1000);
  CHECK(wide.telling > 200);
}

namespace {

constexpr std::array<float, 8> float_inputs{-90.0F, -86.5F, -20.25F, -0.3F, 0.0F, 1e-30F, 3.7F, 88.5F};
constexpr std::array<double, 8> double_inputs{-701.0, -40.5, -7.25, -0.7, -0.1, -1e-9, -1e-300, 0.0};

template <class T, std::size_t N, class F>
constexpr std::array<T, N> each(std::array<T, N> x, F const& f) {
  for (T& value : x) value = f(value);
  return x;
}

struct float_exp {
  constexpr float operator()(float x) const { return exp(float_lane(x)).raw(); }
};
struct product_sum {
  constexpr float operator()(float x) const { return (float_lane(x) * float_lane(1.1F) + float_lane(0.7F)).raw(); }
};
struct double_exp {
  constexpr double operator()(double x) const { return exp(double_lane(x)).raw(); }
};
struct double_log {
  constexpr double operator()(double x) const { return detail::log(1.5 - x); }
};
struct double_log1p {
  constexpr double operator()(double x) const {
    detail::log1p_parts<float, double_lane> const parts{double_lane(x * x)};
    return parts.value.raw() + parts.deficit.raw();
  }
};

// f in a constant expression against f on inputs that the compiler cannot know.
template <auto Inputs, class F>
bool constant_equals_run_time() {
  constexpr auto at_compile_time = each(Inputs, F{});
  auto inputs = Inputs;
  for (auto& x : inputs) {
    decltype(+x) volatile hidden = x;
    x = hidden;
  }
  auto const at_run_time = each(inputs, F{});
  return std::memcmp(&at_compile_time, &at_run_time, sizeof at_run_time) == 0;
}

static_assert(exp(float_lane(0)).raw() == 1.0F);
static_assert(exp(float_lane(-87)).raw() == 0.0F);
static_assert((float_lane(0x1.001p0F) * float_lane(0x1.001p0F) - float_lane(0x1.002p0F)).raw() ==
              0.0F);  // fused: 2^-24
static_assert(detail::log(1.0) == 0.0 && detail::log(2.0) == 0x1.62e42fefa39efp-1);

}  // namespace

TEST_CASE("constant evaluation has the bits of run time", "[core][numeric]") {
  CHECK(constant_equals_run_time<float_inputs, float_exp>());
  CHECK(constant_equals_run_time<float_inputs, product_sum>());
  CHECK(constant_equals_run_time<double_inputs, double_exp>());
  CHECK(constant_equals_run_time<double_inputs, double_log>());
  CHECK(constant_equals_run_time<double_inputs, double_log1p>());
}

TEST_CASE("positions count across lanes, past 2^31 too", "[core][numeric]") {
  for (index_t const first : {index_t{1}, index_t{5}, (index_t{1} << 31) - 1, index_t{1} << 33}) {
    float at[width];
    scatter(at, simd_lane::from_raw(simd_lane::ops::iota(first)));
    for (int k = 0; k < width; ++k) CHECK(at[k] == float_lane(first + k).raw());
  }
}

namespace {

// What people write first, and the same with every number spelt as a lane.
template <class V>
bool numbers_are_lanes(V x) {
  auto const alike = [](typename V::mask a, typename V::mask b) {
    return cppo::detail::every_lane<V>(a & b) || cppo::detail::every_lane<V>((!a) & (!b));
  };
  bool good =
      alike(x < 1.2, x < V(1.2)) && alike(0.8 <= x, V(0.8) <= x) && alike(x > 1, x > V(1)) && alike(3u >= x, V(3) >= x);
  good = good && alike(x == 2.5F, x == V(2.5)) && alike(index_t{2} != x, V(2) != x);
  good = good && cppo::detail::every_lane<V>(1 - x == V(1) - x) && cppo::detail::every_lane<V>(x + 0.1 == x + V(0.1));
  good = good && cppo::detail::every_lane<V>(2.0F * x == V(2) * x) && cppo::detail::every_lane<V>(x / 3 == x / V(3));
  good = good && cppo::detail::every_lane<V>(max(0, x) == max(V(0), x)) &&
         cppo::detail::every_lane<V>(min(x, 0.1) == min(x, V(0.1)));
  good = good && cppo::detail::every_lane<V>(select(x > 1, 1.0, x) == select(x > V(1), V(1), x));
  good = good && cppo::detail::every_lane<V>(select(x > 1, x, 0) == select(x > V(1), x, V(0)));
  return good && cppo::detail::every_lane<V>(select(x > 1, 0.1, 2) == select(x > V(1), V(0.1), V(2)));
}

}  // namespace

TEST_CASE("F40: a number beside a lane is that number in every lane", "[core]") {
  for (double const x : {-1.5, 0.0, 0.8, 1.0, 1.2, 2.0, 2.5, 3.0}) {
    INFO(x);
    CHECK(numbers_are_lanes(float_lane(x)));
    CHECK(numbers_are_lanes(double_lane(x)));
    CHECK(numbers_are_lanes(testing::emulated_lane(x)));
    CHECK(numbers_are_lanes(simd_lane(x)));
  }
  CHECK((double_lane(1.2) <= 1.2).raw());                   // in the lane's own type
  CHECK((float_lane(1.2F) <= 1.2).raw());
  CHECK_FALSE((double_lane(1.2) <= 1.2F - 1e-6F).raw());
}
