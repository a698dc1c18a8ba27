// Tensors shaped like DLPack's, with a struct of the test's own.
#include "support/catch_compat.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/interop/dlpack.hpp>
#include <cppo/region.hpp>

#include <cstdint>
#include <limits>
#include <vector>

namespace {

using cppo::index_t;

// The members of dlpack.h that are read, of the same types.
struct tensor {
  void* data = nullptr;
  std::int32_t ndim = 2;
  struct {
    std::uint8_t code = 2, bits = 32;
    std::uint16_t lanes = 1;
  } dtype;
  std::int64_t* shape = nullptr;
  std::int64_t* strides = nullptr;
  std::uint64_t byte_offset = 0;
};
static_assert(cppo::dl_tensor_like<tensor> && !cppo::dl_tensor_like<std::vector<float>>);

// A tensor over `values` with extents and strides that live as long as this.
template <class T>
struct owned {
  std::vector<T> values;
  std::vector<std::int64_t> shape, strides;
  tensor view(std::uint8_t code, std::uint8_t bits) {
    tensor t;
    t.data = values.data();
    t.ndim = static_cast<std::int32_t>(shape.size());
    t.dtype.code = code;
    t.dtype.bits = bits;
    t.shape = shape.data();
    t.strides = strides.empty() ? nullptr : strides.data();
    return t;
  }
};

template <class T>
bool lends(std::uint8_t code, std::uint8_t bits) {
  owned<std::uint64_t> room{{0, 0, 0, 0}, {2, 2}, {}};
  cppo::matrix_view<T> out;
  return lend(room.view(code, bits), out).ok();
}

}  // namespace

TEST_CASE("DLPack: without strides a tensor is row-major") {
  owned<float> t{{0, 1, 2, 3, 4, 5}, {2, 3}, {}};
  cppo::matrix_view<float> m;
  REQUIRE(lend(t.view(2, 32), m).ok());
  CHECK(m.data_handle() == t.values.data());
  CHECK(m.extent(0) == 2);
  CHECK(m.extent(1) == 3);
  CHECK(m(1, 2) == 5.0F);
  CHECK(m(1, 0) == 3.0F);
}

TEST_CASE("DLPack: strides of any sign are taken in elements") {
  owned<float> t{{0, 1, 2, 3, 4, 5}, {3, 2}, {1, 3}};
  cppo::matrix_view<float> m;
  REQUIRE(lend(t.view(2, 32), m).ok());
  CHECK(m(2, 1) == 5.0F);
  CHECK(m(1, 0) == 1.0F);
  t.strides = {-2, -1};
  tensor backwards = t.view(2, 32);
  backwards.byte_offset = 5 * sizeof(float);
  REQUIRE(lend(backwards, m).ok());
  CHECK(m(0, 0) == 5.0F);
  CHECK(m(2, 1) == 0.0F);
}

TEST_CASE("DLPack: byte_offset counts bytes") {
  owned<double> t{{0, 1, 2, 3}, {1, 2}, {}};
  tensor shifted = t.view(2, 64);
  shifted.byte_offset = 16;
  cppo::matrix_view<double> m;
  REQUIRE(lend(shifted, m).ok());
  CHECK(m(0, 0) == 2.0);
  CHECK(m(0, 1) == 3.0);
}

TEST_CASE("DLPack: rank 1 is one row") {
  owned<float> t{{0, 1, 2, 3}, {2}, {2}};
  cppo::matrix_view<float> m;
  REQUIRE(lend(t.view(2, 32), m).ok());
  CHECK(m.extent(0) == 1);
  CHECK(m.extent(1) == 2);
  CHECK(m(0, 1) == 2.0F);
  t.strides.clear();
  REQUIRE(lend(t.view(2, 32), m).ok());
  CHECK(m(0, 1) == 1.0F);
}

TEST_CASE("DLPack: code and bits must name the element type") {
  CHECK(lends<float>(2, 32));
  CHECK(lends<double>(2, 64));
  CHECK(lends<cppo::half>(2, 16));
  CHECK(lends<cppo::bfloat16>(4, 16));
  CHECK(lends<bool>(6, 8));
  CHECK(lends<std::uint8_t>(1, 8));
  CHECK(lends<std::int32_t>(0, 32));
  CHECK(lends<std::int64_t>(0, 64));
  CHECK_FALSE(lends<float>(2, 64));
  CHECK_FALSE(lends<float>(0, 32));
  CHECK_FALSE(lends<cppo::half>(4, 16));
  CHECK_FALSE(lends<cppo::bfloat16>(2, 16));
  CHECK_FALSE(lends<std::uint8_t>(6, 8));
  CHECK_FALSE(lends<std::int32_t>(1, 32));
}

TEST_CASE("DLPack: other ranks and vector lanes are refused, the view is left alone") {
  owned<float> t{{0, 1, 2, 3, 4, 5, 6, 7}, {2, 2, 2}, {}};
  float other = 9.0F;
  cppo::matrix_view<float> m(&other, 1, 1);
  CHECK(lend(t.view(2, 32), m).code == cppo::status_code::bad_tensor);
  t.shape.clear();
  CHECK_FALSE(lend(t.view(2, 32), m).ok());
  t.shape = {2, 2};
  tensor wide = t.view(2, 32);
  wide.dtype.lanes = 4;
  CHECK_FALSE(lend(wide, m).ok());
  CHECK(m.data_handle() == &other);
  CHECK(m.extent(0) == 1);
}

TEST_CASE("DLPack: no data stays null, and what does not lie on an element is refused") {
  owned<float> t{{0, 1, 2, 3}, {2, 2}, {}};
  float other = 9.0F;
  cppo::matrix_view<float> m(&other, 1, 1);
  tensor askew = t.view(2, 32);
  for (std::uint64_t const off : {1U, 2U, 3U}) {
    askew.byte_offset = off;
    CHECK(lend(askew, m).code == cppo::status_code::misaligned);
    CHECK(m.data_handle() == &other);
  }
  tensor nothing = t.view(2, 32);
  nothing.data = nullptr;
  nothing.byte_offset = 64;
  CHECK(lend(nothing, m).code == cppo::status_code::null_buffer);
  CHECK(m.data_handle() == &other);
  for (std::vector<std::int64_t> const& shape : {std::vector<std::int64_t>{0, 2}, {2, 0}, {0}}) {
    t.shape = shape;
    nothing = t.view(2, 32);
    nothing.data = nullptr;
    nothing.byte_offset = 64;
    REQUIRE(lend(nothing, m).ok());
    CHECK(m.data_handle() == nullptr);
  }
}

namespace {

struct placed_tensor : tensor {
  struct {
    std::int32_t device_type = 1, device_id = 0;
  } device;
};

}  // namespace

TEST_CASE("F38: a tensor of another dtype is told from one of another shape") {
  owned<double> t{{0, 1, 2, 3}, {2, 2}, {}};
  cppo::matrix_view<double> m;
  auto const code = [&](tensor const& x) {
    cppo::status const s = lend(x, m);
    CHECK(s.where == (s.ok() ? cppo::argument::none : cppo::argument::tensor));
    CHECK((s.ok() || m.data_handle() == nullptr));
    return s.code;
  };
  using cppo::status_code;
  CHECK(code(t.view(2, 32)) == status_code::element_type_mismatch);
  CHECK(lend(t.view(2, 32), m).count == 32);
  CHECK(code(t.view(0, 64)) == status_code::element_type_mismatch);
  tensor lanes = t.view(2, 64);
  lanes.dtype.lanes = 2;
  CHECK(code(lanes) == status_code::element_type_mismatch);
  for (std::vector<std::int64_t> const& shape : {std::vector<std::int64_t>{}, {1, 2, 2}, {-1, 2}, {2, -2}, {-4}}) {
    t.shape = shape;
    CHECK(code(t.view(2, 64)) == status_code::bad_tensor);
  }
  t.shape = {2, 2};
  tensor none = t.view(2, 64);
  none.shape = nullptr;
  CHECK(code(none) == status_code::bad_tensor);
}

TEST_CASE("F38: a tensor whose extents or strides overflow is refused") {
  constexpr std::int64_t most = std::int64_t{1} << 62;
  double x = 0.0;
  owned<double> t;
  auto const code = [&](std::vector<std::int64_t> const& shape, std::vector<std::int64_t> const& strides) {
    t.shape = shape;
    t.strides = strides;
    tensor lent = t.view(2, 64);
    lent.data = &x;
    cppo::matrix_view<double> m;
    return lend(lent, m).code;
  };
  using cppo::status_code;
  CHECK(code({most, 2}, {0, 0}) == status_code::size_overflow);
  CHECK(code({most, 1}, {0, 0}) == status_code::ok);
  CHECK(code({most + 1}, {0}) == status_code::size_overflow);
  CHECK(code({2, 2}, {most, 1}) == status_code::size_overflow);
  CHECK(code({2, 2}, {1, -most}) == status_code::size_overflow);
  CHECK(code({2, 2}, {std::numeric_limits<std::int64_t>::min(), 1}) == status_code::size_overflow);
  CHECK(code({2, 2}, {most / 2, -most / 2}) == status_code::ok);
  CHECK(code({1, 2}, {std::numeric_limits<std::int64_t>::min(), 1}) == status_code::ok);  // never walked
}

TEST_CASE("F38: a tensor that says it lies on a device is lent for one by name alone") {
  owned<float> t{{0, 1, 2, 3}, {2, 2}, {}};
  placed_tensor x;
  static_cast<tensor&>(x) = t.view(2, 32);
  for (int device = 0; device < 20; ++device) {
    bool const readable = device == 1 || device == 3 || device == 11 || device == 13;  // as dlpack.h numbers them
    x.device.device_type = device;
    cppo::matrix_view<float> m;
    cppo::status const s = lend(x, m);
    CHECK(s.code == (readable ? cppo::status_code::ok : cppo::status_code::not_host_memory));
    CHECK((m.data_handle() != nullptr) == readable);
    REQUIRE(lend_on_device(x, m).ok());
    CHECK(m.data_handle() == t.values.data());
  }
}

TEST_CASE("DLPack: lent tensors make a batch, and the gradient is written through one") {
  owned<float> pi{{-1.0F, -2.0F, -1.0F, -1.0F}, {2, 2}, {1, 2}}, mu = pi, a{{1.0F, 2.0F, 3.0F, 4.0F}, {2, 2}, {}};
  owned<float> gradient{{7.0F, 7.0F, 7.0F, 7.0F}, {2, 2}, {1, 2}};
  cppo::matrix_view<float const> p, q, adv;
  cppo::matrix_view<float> g;
  REQUIRE(lend(pi.view(2, 32), p).ok());
  REQUIRE(lend(mu.view(2, 32), q).ok());
  REQUIRE(lend(a.view(2, 32), adv).ok());
  REQUIRE(lend(gradient.view(2, 32), g).ok());
  auto const batch =
      cppo::rollout_batch(cppo::padded(2, 2), cppo::log_prob(p), cppo::rollout_log_prob(q), cppo::advantage(adv));
  REQUIRE(policy_loss(cppo::seq, batch, cppo::dppo(), {.gradient = g}).ok());
  CHECK(gradient.values == std::vector<float>{-1.0F, -3.0F, -2.0F, -4.0F});
}

TEST_CASE("a tensor of rank 1 fits a packed batch") {
  float x[3] = {-1.0F, -1.25F, -1.5F};
  std::int64_t shape[] = {3}, cuts[] = {0, 1, 3};
  tensor one;
  one.data = x;
  one.ndim = 1;
  one.shape = shape;
  cppo::matrix_view<float> view;
  REQUIRE(lend(one, view).ok());
  auto const batch = cppo::rollout_batch(cppo::packed(cuts, 2), cppo::log_prob(view), cppo::rollout_log_prob(x),
                                         cppo::advantage(x));
  CHECK(batch.check().ok());
  CHECK(batch.value(cppo::argument::log_prob, 1, 1) == -1.5F);
}
