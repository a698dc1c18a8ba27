// The same numbers lent in many ways are the same batch: views, layouts, dtypes, order of arguments.
#include "support/catch_compat.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/divergence/precomputed.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/region/cppo.hpp>
#include <cppo/region/dppo.hpp>

#include <array>
#include <cstring>
#include <span>
#include <vector>

#include <sys/mman.h>

namespace {

using namespace cppo;

constexpr index_t responses = 3, width = 5;

// A padded batch; response 2 has a hole. Advantages are per response.
struct numbers {
  std::vector<float> pi, mu, a, mask;
  std::vector<float> per_row{1.0F, -0.5F, 2.0F};
  numbers() {
    for (index_t i = 0; i < responses * width; ++i) {
      auto const x = static_cast<float>(i);
      pi.push_back(-0.25F - 0.125F * x);
      mu.push_back(-0.5F - 0.09375F * x);
      a.push_back(per_row[static_cast<std::size_t>(i / width)]);
      mask.push_back(i == 11 ? 0.0F : 1.0F);
    }
  }
};

// Gradients of a call, the same on both executors.
template <class Real>
std::vector<float> gradients(rollout_batch_view<Real> const& batch) {
  auto const n = static_cast<std::size_t>(batch.shape().elements());
  std::vector<float> plain(n, 5.0F), fast(n, 6.0F);
  CHECK(policy_loss(seq, batch, fixed_cppo(), {.gradient = plain}).ok());
  CHECK(policy_loss(simd, batch, fixed_cppo(), {.gradient = fast}).ok());
  CHECK(plain == fast);
  return plain;
}

std::vector<float> transposed(std::vector<float> const& x) {
  std::vector<float> y(x.size());
  for (std::size_t b = 0; b < responses; ++b) {
    for (std::size_t i = 0; i < width; ++i) y[i * responses + b] = x[b * width + i];
  }
  return y;
}

template <class To>
std::vector<To> as(std::vector<float> const& x) {
  std::vector<To> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    detail::store(y.data(), element_traits<To>::value, static_cast<index_t>(i), x[i]);
  return y;
}

template <class... Named>
using arithmetic_of = typename decltype(rollout_batch(padded(1, 1), std::declval<Named>()...))::value_type;
template <class T>
using pi_as = decltype(log_prob(std::declval<T const*>()));
template <class T>
using mu_as = decltype(rollout_log_prob(std::declval<T const*>()));
template <class T>
using a_as = decltype(advantage(std::declval<T const*>()));
template <class T>
using d_as = decltype(divergence_values(std::declval<T const*>()));
template <class T>
using lists_as = decltype(top_k(2, std::declval<int const*>(), std::declval<float const*>(), std::declval<T const*>()));

// Double decides where it is lent as a log-prob or a divergence, not as an advantage.
static_assert(std::is_same_v<arithmetic_of<pi_as<float>, mu_as<float>, a_as<double>>, float>);
static_assert(std::is_same_v<arithmetic_of<pi_as<half>, mu_as<bfloat16>, a_as<float>>, float>);
static_assert(std::is_same_v<arithmetic_of<pi_as<double>, mu_as<float>, a_as<float>>, double>);
static_assert(std::is_same_v<arithmetic_of<pi_as<float>, mu_as<double>, a_as<float>>, double>);
static_assert(std::is_same_v<arithmetic_of<pi_as<float>, mu_as<float>, a_as<float>, d_as<double>>, double>);
static_assert(std::is_same_v<arithmetic_of<pi_as<float>, mu_as<float>, a_as<float>, lists_as<double>>, double>);
static_assert(std::is_same_v<arithmetic_of<pi_as<float>, mu_as<float>, a_as<float>, lists_as<float>>, float>);
static_assert(std::is_trivially_copyable_v<rollout_batch_view<float>>);

}  // namespace

TEST_CASE("views of any stride lend the same batch", "[core]") {
  numbers const x;
  layout const l = padded(responses, width);
  auto const want =
      gradients(rollout_batch(l, log_prob(x.pi), rollout_log_prob(x.mu), advantage(x.a), response_mask(x.mask)));
  CHECK(std::count(want.begin(), want.end(), 0.0F) > 1);
  CHECK(std::count(want.begin(), want.end(), 0.0F) < 12);

  std::vector<float> const turned = transposed(x.pi), reversed(x.mu.rbegin(), x.mu.rend());
  auto const strided = rollout_batch(
      l, response_mask(x.mask.data()), advantage(per_response(x.per_row)),
      rollout_log_prob(matrix_view<float const>(reversed.data() + reversed.size() - 1, responses, width, -width, -1)),
      log_prob(matrix_view<float const>(turned.data(), responses, width, 1, responses)));
  CHECK(gradients(strided) == want);
  auto const broadcast = rollout_batch(l, log_prob(std::span<float const>(x.pi)), rollout_log_prob(x.mu.data()),
                                       advantage(matrix_view<float const>(x.per_row.data(), responses, width, 1, 0)),
                                       response_mask(matrix_view<float const>(x.mask.data(), responses, width)));
  CHECK(gradients(broadcast) == want);
}

TEST_CASE("packed batches by narrow and wide offsets are the padded one", "[core]") {
  numbers const x;
  auto const want = gradients(rollout_batch(padded(responses, width), log_prob(x.pi), rollout_log_prob(x.mu),
                                            advantage(x.a), response_mask(x.mask)));
  std::array<std::int32_t, 4> const narrow{0, 5, 10, 15};
  std::int64_t const wide[] = {0, 5, 10, 15};
  for (layout const& l : {packed(narrow), packed(wide, 3)}) {
    auto const lend = [&](auto const& a) {
      return rollout_batch(l, log_prob(x.pi), rollout_log_prob(x.mu), advantage(a), response_mask(x.mask));
    };
    CHECK(gradients(lend(x.a)) == want);
    CHECK(gradients(lend(per_response(x.per_row))) == want);
    CHECK(gradients(lend(per_response(x.per_row.data()))) == want);
  }
}

TEST_CASE("outputs are written through any strides, and nothing between them", "[core]") {
  numbers const x;
  auto const batch = rollout_batch(padded(responses, width), log_prob(x.pi), rollout_log_prob(x.mu), advantage(x.a),
                                   response_mask(x.mask));
  auto const want = gradients(batch);
  for (bool const fast : {false, true}) {
    std::vector<float> wide(2 * responses * width + 7, -3.0F);
    matrix_view<float> const to(wide.data() + 2, responses, width, 2,
                                2 * responses);  // columns first, every other element
    loss_outputs const out{.gradient = to};
    CHECK((fast ? policy_loss(simd, batch, fixed_cppo(), out) : policy_loss(seq, batch, fixed_cppo(), out)).ok());
    for (index_t b = 0; b < responses; ++b) {
      for (index_t i = 0; i < width; ++i) CHECK(to(b, i) == want[static_cast<std::size_t>(b * width + i)]);
    }
    CHECK(std::count(wide.begin(), wide.end(), -3.0F) == responses * width + 7);
  }
}

TEMPLATE_TEST_CASE("a response mask of any dtype is the same mask", "[core]", bool, std::uint8_t, std::int8_t,
                   std::int16_t, std::uint16_t, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t, float, double,
                   half, bfloat16) {
  numbers const x;
  auto const lend = [&](auto const& mask) {
    return rollout_batch(padded(responses, width), log_prob(x.pi), rollout_log_prob(x.mu), advantage(x.a),
                         response_mask(mask));
  };
  TestType mask[responses * width] = {};
  for (std::size_t i = 0; i < x.mask.size(); ++i)
    detail::store(mask, element_traits<TestType>::value, static_cast<index_t>(i), x.mask[i]);
  CHECK(gradients(lend(mask)) == gradients(lend(x.mask)));
}

TEST_CASE("low-precision inputs count as the floats they hold", "[core]") {
  numbers const x;  // every number fits half and bfloat16 but those past 8 bits
  auto const widened = [](auto const& low) {
    std::vector<float> y;
    for (auto const v : low) y.push_back(to_float(v));
    return y;
  };
  auto const halves = as<half>(x.pi);
  auto const bfloats = as<bfloat16>(x.mu);
  auto const pi = widened(halves), mu = widened(bfloats);
  auto const wide =
      gradients(rollout_batch(padded(responses, width), log_prob(pi), rollout_log_prob(mu), advantage(x.a)));
  CHECK(gradients(rollout_batch(padded(responses, width), log_prob(halves), rollout_log_prob(bfloats),
                                advantage(x.a))) == wide);
}

TEST_CASE("double log-probs are computed in double", "[core]") {
  double const mu[] = {-0.5}, pi[] = {-0.5 + 1e-12}, a[] = {1.0};
  auto const batch = rollout_batch(padded(1, 1), log_prob(pi), rollout_log_prob(mu), advantage(a));
  double d = 0.0;
  CHECK(policy_loss(seq, batch, fixed_cppo(), {.trace = {.divergence = &d}}).ok());
  CHECK(d == cppo_test::approx(std::exp(-0.5) * 1e-12).epsilon(1e-3));
}

TEST_CASE("inputs that were not lent read as their fallback", "[core]") {
  float const x = -0.5F;
  auto const batch = rollout_batch(padded(1, 1), log_prob(&x), rollout_log_prob(&x), advantage(&x));
  CHECK(batch.active(0, 0) == 1);
  CHECK_FALSE(batch.has(argument::response_mask));
  CHECK_FALSE(batch.has(argument::top_k));
  CHECK(batch.has(argument::advantage));
  CHECK(batch.value(argument::token_weight, 0, 0, 7.0F) == 7.0F);
  CHECK(batch.value(argument::log_prob, 0, 0, 7.0F) == -0.5F);
}

TEST_CASE("the first shape that does not fit is kept for the call", "[core]") {
  std::vector<float> const x(6, -0.5F), short_one(5);
  auto const batch = rollout_batch(padded(2, 3), log_prob(x), advantage(short_one), rollout_log_prob(short_one));
  CHECK(batch.check().code == status_code::extent_mismatch);
  CHECK(batch.check().where == argument::advantage);
}

TEST_CASE("F19_values_past_2_to_32", "[core]") {
  constexpr index_t tokens = (index_t{1} << 32) + 17;
  float const pi = -0.5F, weight = -0.75F;
  auto const repeated = matrix_view<float const>(&weight, 1, tokens, 0, 0);
  float const a[] = {2.0F};
  auto const batch = rollout_batch(padded(1, tokens), log_prob(&pi), rollout_log_prob(&pi), advantage(per_response(a)),
                                   token_weight(repeated));
  CHECK(batch.check().ok());
  CHECK(batch.shape().slots(0) == tokens);
  CHECK(batch.value(argument::token_weight, 0, tokens - 1) == -0.75F);
  CHECK(batch.value(argument::advantage, 0, tokens - 1) == 2.0F);
}

namespace {

// Room that is reserved, and taken up only where it is written: zeros elsewhere.
class far_room {
 public:
  explicit far_room(std::size_t bytes)
      : bytes_(bytes),
        data_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {}
  far_room(far_room const&) = delete;
  far_room& operator=(far_room const&) = delete;
  ~far_room() {
    if (there()) munmap(data_, bytes_);
  }
  bool there() const { return data_ != MAP_FAILED; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  std::size_t bytes_;
  void* data_;
};

}  // namespace

TEST_CASE("F19_values_past_2_to_32: each is read where it lies", "[core]") {
  constexpr index_t apart = (index_t{1} << 32) + 17;
  far_room const bytes(static_cast<std::size_t>(apart) + 4096), words(static_cast<std::size_t>(apart) * 2 + 4096);
  if (!bytes.there() || !words.there()) {
    WARN("12 GiB of addresses cannot be reserved: not tried");
    return;
  }
  auto* const ids = bytes.as<std::int8_t>();
  auto* const x = words.as<bfloat16>();
  ids[0] = 1, ids[1] = 2, ids[apart] = 3, ids[apart + 1] = 4;
  x[0] = to_bfloat16(-0.5F), x[1] = to_bfloat16(-1.0F), x[apart] = to_bfloat16(-2.0F),
  x[apart + 1] = to_bfloat16(-4.0F);
  // Two responses of one token, each value of the second one far from the first's.
  matrix_view<bfloat16 const> const far(x, 2, 1, apart, 1);
  matrix_view<std::int8_t const> const mask(ids, 2, 1, apart, 1);
  auto const check = [&](auto const& lists) {
    auto const batch = rollout_batch(padded(2, 1), log_prob(far), rollout_log_prob(far), advantage(far),
                                     response_mask(mask), token_id(mask), lists);
    REQUIRE(batch.check().ok());
    CHECK(batch.value(argument::log_prob, 0, 0) == -0.5F);
    CHECK(batch.value(argument::log_prob, 1, 0) == -2.0F);
    CHECK(batch.active(0, 0) == 1);
    CHECK(batch.active(1, 0) == 2);  // 3 is no mask value
    auto const row = batch.top_k_at(1, 0);
    CHECK((row.sampled() == 3 && row.id(0) == 3 && row.id(1) == 4));
    CHECK((row.log_prob(0) == -2.0F && row.rollout_log_prob(1) == -4.0F));
  };
  matrix_view<std::int8_t const> const listed_ids(ids, 2, 2, apart, 1);
  matrix_view<bfloat16 const> const listed(x, 2, 2, apart, 1);
  check(top_k(2, listed_ids, listed, listed));
  check(top_k(apart, static_cast<std::int8_t const*>(ids), static_cast<bfloat16 const*>(x),  // dense
              static_cast<bfloat16 const*>(x)));
  x[apart] = to_bfloat16(0.0F);
  detail::store(x, element_type::bf16, apart, -8.0F);
  CHECK(to_float(x[apart]) == -8.0F);
  CHECK(to_float(x[17]) == 0.0F);
}

TEST_CASE("a batch that moved reads everything it was lent where it lies now", "[core]") {
  std::vector<float> const pi(4, -0.5F), mu(4, -0.75F), a(4, 1.0F), d{0.5F, 0.25F, 0.125F, 0.0F};
  std::vector<std::uint8_t> const mask{1, 1, 0, 1};
  std::vector<std::int32_t> const ids(8, 1), sampled{3, 1, 4, 1};
  std::vector<float> const listed(8, -1.0F), rollout_listed(8, -1.25F);
  auto const batch = rollout_batch(padded(2, 2), log_prob(pi), rollout_log_prob(mu), advantage(a), divergence_values(d),
                                   response_mask(mask), token_id(sampled), top_k(2, ids, listed, rollout_listed));
  // Far apart, so that what stayed behind or went to another's place shows.
  std::vector<std::byte> memory(4096);
  std::size_t places = 0;
  auto const moved = batch.moved(batch.shape(), [&](auto& buffer) {
    std::byte* const to = memory.data() + 256 * ++places;
    bool const is_mask = buffer.type == element_type::u8;
    bool const is_list =
        buffer.data == ids.data() || buffer.data == listed.data() || buffer.data == rollout_listed.data();
    std::memcpy(to, buffer.data, is_mask ? 4 : is_list ? 32 : 16);
    buffer.data = to;
  });
  CHECK(places == 9);
  auto const inside = [&memory](void const* p) { return p >= memory.data() && p < memory.data() + memory.size(); };
  for (argument const which : {argument::log_prob, argument::rollout_log_prob, argument::advantage,
                               argument::divergence, argument::response_mask, argument::token_id}) {
    CHECK(inside(moved[which].data));
    CHECK_FALSE(inside(batch[which].data));
    for (index_t i = 0; i < 4; ++i) CHECK(moved.value(which, i / 2, i % 2) == batch.value(which, i / 2, i % 2));
  }
  CHECK_FALSE(moved.has(argument::token_weight));
  CHECK(inside(moved.lists().ids.data));
  CHECK(inside(moved.lists().log_prob.data));
  CHECK(inside(moved.lists().rollout_log_prob.data));
  CHECK(moved.top_k_at(1, 1).sampled() == 1);
  CHECK(gradients(moved) == gradients(batch));

  places = 0;
  auto const without_lists = rollout_batch(padded(2, 2), log_prob(pi), rollout_log_prob(mu), advantage(a));
  (void)without_lists.moved(padded(2, 2), [&places](auto&) { ++places; });
  CHECK(places == 3);
}
