// Lane arithmetic: accuracy of exp and log, one answer on every width, two roundings, constant evaluation.
#include "catch_compat.hpp"
#include "lane_sets.hpp"

#include <cppo/core/numeric.hpp>

#include <array>
#include <cmath>

namespace {

using namespace cppo;
using cppo_test::gather;
using cppo_test::same_number;
using cppo_test::scatter;

constexpr int width = simd_lane::size;

// |got - want| in units of the last place of `want` as a T.
template <class T, class Wide>
double ulps(T got, Wide want) {
  int const exponent = std::ilogb(want);
  return static_cast<double>(std::fabs(static_cast<Wide>(got) - want) /
                             std::ldexp(Wide(1), exponent + 1 - std::numeric_limits<T>::digits));
}

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

float exp_of(float x) { return exp(float_lane(x)).raw(); }
double exp_of(double x) { return exp(double_lane(x)).raw(); }

}  // namespace

TEST_CASE("float exp is right over all bit patterns, taken in strides", "[core][numeric]") {
  constexpr std::uint64_t stride = 1021;
  double worst = 0.0, worst_above = 0.0;
  int wrong = 0;
  for (std::uint64_t u = 0; u < (std::uint64_t{1} << 32); u += stride) {
    float const x = std::bit_cast<float>(static_cast<std::uint32_t>(u));
    float const y = exp_of(x);
    if (x != x) wrong += y != y ? 0 : 1;
    else if (x < -86.5F) wrong += std::bit_cast<std::uint32_t>(y) == 0 ? 0 : 1;
    else if (x > 88.8F) wrong += std::isinf(y) && y > 0.0F ? 0 : 1;
    else if (x <= 88.0F) worst = std::max(worst, ulps(y, std::exp(static_cast<double>(x))));
    else if (x < 88.72F) worst_above = std::max(worst_above, ulps(y, std::exp(static_cast<double>(x))));
  }
  CHECK(wrong == 0);
  CHECK(worst <= 2.0);
  CHECK(worst > 0.5);  // the walk did reach inputs that are hard
  CHECK(worst_above <= 3.0);
}

TEST_CASE("float exp at its turning points", "[core][numeric]") {
  float const infinity = std::numeric_limits<float>::infinity();
  CHECK(exp_of(0.0F) == 1.0F);
  CHECK(exp_of(-0.0F) == 1.0F);
  CHECK(exp_of(std::nextafterf(-86.5F, -100.0F)) == 0.0F);
  CHECK(exp_of(-86.5F) == cppo_test::approx(2.70e-38).epsilon(0.01));
  CHECK(exp_of(-infinity) == 0.0F);
  CHECK(exp_of(88.72F) < infinity);
  CHECK(exp_of(88.73F) == infinity);
  CHECK(exp_of(infinity) == infinity);
  CHECK(std::isnan(exp_of(-std::numeric_limits<float>::quiet_NaN())));
}

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

TEST_CASE("exp has the same bits on scalars and registers over all bit patterns, taken in strides", "[core][numeric]") {
  int wrong = 0;
  for (std::uint64_t u = 0; u < (std::uint64_t{1} << 32); u += std::uint64_t{width} * 8191) {
    float x[width], y[width];
    for (int k = 0; k < width; ++k) x[k] = std::bit_cast<float>(static_cast<std::uint32_t>(u + static_cast<unsigned>(k) * 8191U));
    scatter(y, exp(gather(x)));
    for (int k = 0; k < width; ++k) wrong += same_number(y[k], exp_of(x[k])) ? 0 : 1;
  }
  CHECK(wrong == 0);
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
    wrong += same_number(sum, static_cast<T>(product + c)) && same_number(difference, static_cast<T>(c - product)) ? 0 : 1;
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

TEST_CASE("exp in double against long double", "[core][numeric]") {
  testing::random_source random(11);
  double worst = 0.0;
  for (int i = 0; i < 200000; ++i) {
    double const size = i % 2 == 0 ? 700.0 : 1.0;
    double const x = random.uniform(-size, size);
    worst = std::max(worst, ulps(exp_of(x), std::exp(static_cast<long double>(x))));
  }
  CHECK(worst <= 1.5);
  CHECK(exp_of(-701.0) == 0.0);
  CHECK(exp_of(700.5) == 0x1.8625c7d4f56c3p+1010);  // in two factors, from 700 on
  CHECK(std::isinf(exp_of(710.0)));
  CHECK(std::isnan(exp_of(std::numeric_limits<double>::quiet_NaN())));
}

TEST_CASE("log in double against long double", "[core][numeric]") {
  testing::random_source random(12);
  double worst = 0.0;
  for (int i = 0; i < 200000; ++i) {
    auto const bits = random.bits() >> 1;  // any positive number
    double const x = i % 2 == 0 ? std::bit_cast<double>(bits) : random.uniform(0.5, 2.0);
    if (!std::isfinite(x) || x == 1.0 || x == 0.0) continue;
    worst = std::max(worst, ulps(detail::log(x), std::log(static_cast<long double>(x))));
  }
  CHECK(worst <= 2.0);
  CHECK(detail::log(1.0) == 0.0);
  CHECK(detail::log(0.0) == -std::numeric_limits<double>::infinity());
  CHECK(std::isinf(detail::log(std::numeric_limits<double>::infinity())));
  CHECK(std::isnan(detail::log(-1.0)));
  CHECK(std::isnan(detail::log(std::numeric_limits<double>::quiet_NaN())));
}

TEST_CASE("log(1 - e^x) does not cancel anywhere", "[core][numeric]") {
  testing::random_source random(13);
  double worst = 0.0;
  for (int i = 0; i < 200000; ++i) {
    double const x = -std::pow(10.0, random.uniform(-18.0, 2.8));
    auto const wide = static_cast<long double>(x);
    long double const want = x > -0.7 ? std::log(-std::expm1(wide)) : std::log1p(-std::exp(wide));
    worst = std::max(worst, std::fabs(static_cast<double>((detail::log1mexp(x) - want) / want)));
  }
  CHECK(worst <= 1e-15);
  CHECK(detail::log1mexp(0.0) == -std::numeric_limits<double>::infinity());
  CHECK(detail::log1mexp(-800.0) == 0.0);
  // One bit less where the other branch is taken.
  CHECK(detail::log1mexp(-0.6) == -0x1.977c5227ce4b1p-1);
  CHECK(detail::log1mexp(-1.25) == -0x1.59ae751f64b1bp-2);
  CHECK(detail::log1mexp(-39.0) == -0x1.aa0de4bf35b38p-57);
}

TEST_CASE("1 - e^x keeps its relative accuracy near 0", "[core][numeric]") {
  testing::random_source random(14);
  double worst = 0.0;
  for (int i = 0; i < 100000; ++i) {
    float const x = -static_cast<float>(std::pow(10.0, random.uniform(-12.0, 1.9)));
    double const want = -std::expm1(static_cast<double>(x));
    worst = std::max(worst, std::fabs(static_cast<double>(detail::exp_core(float_lane(x)).complement().raw()) - want) / want);
  }
  CHECK(worst <= 2.5e-7);
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
struct double_log1mexp {
  constexpr double operator()(double x) const { return detail::log1mexp(x); }
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
static_assert((float_lane(0x1.001p0F) * float_lane(0x1.001p0F) - float_lane(0x1.002p0F)).raw() == 0.0F);  // fused: 2^-24
static_assert(detail::log(1.0) == 0.0 && detail::log(2.0) == 0x1.62e42fefa39efp-1);

}  // namespace

TEST_CASE("constant evaluation has the bits of run time", "[core][numeric]") {
  CHECK(constant_equals_run_time<float_inputs, float_exp>());
  CHECK(constant_equals_run_time<float_inputs, product_sum>());
  CHECK(constant_equals_run_time<double_inputs, double_exp>());
  CHECK(constant_equals_run_time<double_inputs, double_log>());
  CHECK(constant_equals_run_time<double_inputs, double_log1mexp>());
}

TEST_CASE("positions count across lanes, past 2^31 too", "[core][numeric]") {
  for (index_t const first : {index_t{1}, index_t{5}, (index_t{1} << 31) - 1, index_t{1} << 33}) {
    float at[width];
    scatter(at, simd_lane::from_raw(simd_lane::ops::iota(first)));
    for (int k = 0; k < width; ++k) CHECK(at[k] == float_lane(first + k).raw());
  }
}
