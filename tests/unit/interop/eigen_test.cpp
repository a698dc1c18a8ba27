// Eigen objects lent as they are: row- and column-major, maps with strides, blocks, half types.
#include "support/catch_compat.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/interop/eigen.hpp>
#include <cppo/region.hpp>

#include <cmath>
#include <vector>

namespace {

using cppo::index_t;
using column_major = Eigen::MatrixXf;
using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr index_t rows = 2, columns = 3;

// Number (i, j) of an input; none the same as another.
float pi(index_t i, index_t j) { return -0.1F - 0.2F * static_cast<float>(3 * i + j); }
float mu(index_t i, index_t j) { return -0.15F - 0.21F * static_cast<float>(3 * i + j); }
float advantage_of(index_t i, index_t j) { return 0.5F + static_cast<float>(i - j); }

template <class Matrix, class F>
Matrix filled(F const& f) {
  Matrix m(rows, columns);
  for (index_t i = 0; i < rows; ++i) {
    for (index_t j = 0; j < columns; ++j) m(i, j) = static_cast<typename Matrix::Scalar>(f(i, j));
  }
  return m;
}

// The gradient from plain row-major vectors.
std::vector<float> plain_gradient() {
  std::vector<float> p, q, a, gradient(6);
  for (index_t i = 0; i < rows; ++i) {
    for (index_t j = 0; j < columns; ++j) {
      p.push_back(pi(i, j));
      q.push_back(mu(i, j));
      a.push_back(advantage_of(i, j));
    }
  }
  auto const batch = cppo::rollout_batch(cppo::padded(rows, columns), cppo::log_prob(p), cppo::rollout_log_prob(q),
                                         cppo::advantage(a));
  REQUIRE(policy_loss(cppo::seq, batch, cppo::fixed_cppo(), {.gradient = gradient}).ok());
  return gradient;
}

template <class P, class Q, class A, class G>
void check_gradient(P const& p, Q const& q, A const& a, G& gradient) {
  auto const batch = cppo::rollout_batch(cppo::padded(rows, columns), cppo::log_prob(cppo::as_view(p)),
                                         cppo::rollout_log_prob(cppo::as_view(q)), cppo::advantage(cppo::as_view(a)));
  REQUIRE(policy_loss(cppo::seq, batch, cppo::fixed_cppo(), {.gradient = cppo::as_view(gradient)}).ok());
  std::vector<float> const want = plain_gradient();
  for (index_t i = 0; i < rows; ++i) {
    for (index_t j = 0; j < columns; ++j) CHECK(gradient(i, j) == want[static_cast<std::size_t>(3 * i + j)]);
  }
}

}  // namespace

TEST_CASE("Eigen: matrices and arrays of either order mix in one call") {
  auto const p = filled<column_major>(pi);
  auto const q = filled<row_major>(mu);
  auto const a = filled<Eigen::ArrayXXf>(advantage_of);
  row_major row_gradient = row_major::Constant(rows, columns, 7.0F);
  check_gradient(p, q, a, row_gradient);
  column_major column_gradient = column_major::Constant(rows, columns, 7.0F);
  check_gradient(p, q, a, column_gradient);
}

TEST_CASE("Eigen: a view has the object's extents and strides and points into it") {
  column_major m = column_major::Zero(4, 5);
  auto const view = cppo::as_view(m);
  CHECK(view.data_handle() == m.data());
  CHECK(view.extent(0) == 4);
  CHECK(view.extent(1) == 5);
  CHECK(view.stride(0) == 1);
  CHECK(view.stride(1) == 4);
  view(3, 2) = 9.0F;
  CHECK(m(3, 2) == 9.0F);
  row_major const r = row_major::Zero(4, 5);
  auto const read_only = cppo::as_view(r);
  static_assert(std::is_same_v<decltype(read_only(0, 0)), float const&>);
  CHECK(read_only.stride(0) == 5);
  CHECK(read_only.stride(1) == 1);
}

TEST_CASE("Eigen: a block of a larger matrix, and nothing around it is written") {
  column_major frame = column_major::Constant(rows + 2, columns + 3, 7.0F);
  auto inside = frame.block(1, 2, rows, columns);
  check_gradient(filled<column_major>(pi), filled<column_major>(mu), filled<column_major>(advantage_of), inside);
  index_t outside = 0;
  for (index_t i = 0; i < rows + 2; ++i) {
    for (index_t j = 0; j < columns + 3; ++j) {
      bool const is_inside = i >= 1 && i < 1 + rows && j >= 2 && j < 2 + columns;
      outside += !is_inside && frame(i, j) == 7.0F ? 1 : 0;
    }
  }
  CHECK(outside == (rows + 2) * (columns + 3) - rows * columns);
}

TEST_CASE("Eigen: maps with strides of their own") {
  std::vector<float> room(64, 7.0F);
  using stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
  Eigen::Map<row_major, 0, stride> every_third(room.data(), rows, columns, stride(20, 3));
  auto const view = cppo::as_view(every_third);
  CHECK(view.stride(0) == 20);
  CHECK(view.stride(1) == 3);
  check_gradient(filled<row_major>(pi), filled<row_major>(mu), filled<row_major>(advantage_of), every_third);
  CHECK(room[1] == 7.0F);
  CHECK(room[9] == 7.0F);
  CHECK(room[20] == plain_gradient()[3]);
}

TEST_CASE("Eigen: a column vector is one response per row") {
  Eigen::VectorXf const p = Eigen::VectorXf::Constant(4, -1.0F);
  Eigen::VectorXf gradient = Eigen::VectorXf::Constant(4, 7.0F);
  auto const batch = cppo::rollout_batch(cppo::padded(4, 1), cppo::log_prob(cppo::as_view(p)),
                                         cppo::rollout_log_prob(cppo::as_view(p)), cppo::advantage(cppo::as_view(p)));
  REQUIRE(policy_loss(cppo::seq, batch, cppo::dppo(), {.gradient = cppo::as_view(gradient)}).ok());
  CHECK((gradient.array() == 1.0F).all());
}

TEST_CASE("Eigen: half and bfloat16 are read as such, double widens the call") {
  using halves = Eigen::Matrix<Eigen::half, Eigen::Dynamic, Eigen::Dynamic>;
  using brains = Eigen::Matrix<Eigen::bfloat16, Eigen::Dynamic, Eigen::Dynamic>;
  halves const p = halves::Constant(1, 2, Eigen::half(-0.5F));
  brains const q = brains::Constant(1, 2, Eigen::bfloat16(-0.75F));
  Eigen::MatrixXd const a = Eigen::MatrixXd::Constant(1, 2, 2.0);
  halves gradient = halves::Constant(1, 2, Eigen::half(7.0F));
  auto const batch = cppo::rollout_batch(cppo::padded(1, 2), cppo::log_prob(cppo::as_view(p)),
                                         cppo::rollout_log_prob(cppo::as_view(q)), cppo::advantage(cppo::as_view(a)));
  static_assert(std::is_same_v<decltype(batch)::value_type, float>);
  REQUIRE(policy_loss(cppo::seq, batch, cppo::unrestricted(), {.gradient = cppo::as_view(gradient)}).ok());
  CHECK(static_cast<float>(gradient(0, 1)) == cppo_test::approx(-2.0 * std::exp(0.25)).epsilon(1e-3));
  auto const wide = cppo::rollout_batch(cppo::padded(1, 2), cppo::log_prob(cppo::as_view(a)),
                                        cppo::rollout_log_prob(cppo::as_view(q)), cppo::advantage(cppo::as_view(a)));
  static_assert(std::is_same_v<decltype(wide)::value_type, double>);
  CHECK(wide.check().ok());
}

TEST_CASE("Eigen: a matrix of another shape is refused") {
  auto const p = filled<column_major>(pi);
  column_major const transposed = p.transpose();
  auto const batch = cppo::rollout_batch(cppo::padded(rows, columns), cppo::log_prob(cppo::as_view(p)),
                                         cppo::rollout_log_prob(cppo::as_view(transposed)),
                                         cppo::advantage(cppo::as_view(p)));
  CHECK(batch.check().code == cppo::status_code::extent_mismatch);
  CHECK(batch.check().where == cppo::argument::rollout_log_prob);
}

TEST_CASE("Eigen: vectors of either kind fit a packed batch, and one value per response") {
  std::int64_t const cuts[] = {0, 2, 6};
  Eigen::VectorXf p(6), q(6);
  Eigen::RowVectorXf a(2);
  p << -0.9F, -0.8F, -0.7F, -0.6F, -0.5F, -0.4F;
  q.setConstant(-0.75F);
  a << 1.0F, -2.0F;
  float room[12];
  Eigen::Map<Eigen::VectorXf, 0, Eigen::InnerStride<2>> every_second(room, 6);
  auto const batch = cppo::rollout_batch(cppo::packed(cuts, 2), cppo::log_prob(cppo::as_view(p)),
                                         cppo::rollout_log_prob(cppo::as_view(q)),
                                         cppo::advantage(cppo::per_response(cppo::as_view(a))));
  REQUIRE(policy_loss(cppo::seq, batch, cppo::unrestricted(), {.gradient = cppo::as_view(every_second)}).ok());
  for (int i = 0; i < 6; ++i) {
    CHECK(every_second(i) == cppo_test::approx((i < 2 ? -1.0 : 2.0) * std::exp(p(i) + 0.75F)).epsilon(1e-6));
  }
}
