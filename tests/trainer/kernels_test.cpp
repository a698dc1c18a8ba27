// The trainer's arithmetic on floats against Eigen's on doubles, at every size that its registers do not divide.
#include "batch_pass.hpp"
#include "network.hpp"
#include "plain_softmax.hpp"
#include "product.hpp"
#include "random.hpp"
#include "support/catch_compat.hpp"

#include <cmath>

using namespace trainer;

namespace {

matrix<float> drawn(Index rows, Index columns, std::uint64_t seed, double scale = 1.0) {
  random_stream random({seed, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns)});
  matrix<float> m(rows, columns);
  for (Index i = 0; i < m.size(); ++i) m.data()[i] = static_cast<float>(scale * random.normal());
  return m;
}

double distance(matrix<float> const& a, matrix<double> const& b) {
  return (a.cast<double>() - b).cwiseAbs().maxCoeff();
}

}  // namespace

TEST_CASE("products of floats are those of doubles, whatever their size and order in memory") {
  for (Index const rows : {1, 2, 7, 8, 9, 17}) {
    for (Index const columns : {1, 3, 8, 15, 16, 24, 31, 32, 33, 77}) {
      for (Index const inner : {1, 5, 64, 1030}) {
        INFO(rows << " x " << inner << " x " << columns);
        matrix<float> const a = drawn(rows, inner, 1), turned = drawn(inner, rows, 2), b = drawn(inner, columns, 3);
        matrix<float> const before = drawn(rows, columns, 4);
        double const close = 2e-7 * static_cast<double>(inner + 8) * 4.0;
        CHECK(distance(product(a, b), a.cast<double>() * b.cast<double>()) < close);
        matrix<float> sum = before;
        add_product(sum, turned.transpose(), b);
        matrix<double> const right = before.cast<double>() + turned.cast<double>().transpose() * b.cast<double>();
        CHECK(distance(sum, right) < close);
      }
    }
  }
}

TEST_CASE("an element of a product has the same bits in a product of any size") {
  matrix<float> const a = drawn(23, 70, 1), b = drawn(70, 90, 2);
  matrix<float> const whole = product(a, b);
  for (Index const rows : {1, 5, 8, 16}) {
    for (Index const columns : {1, 7, 8, 16, 30, 40}) {
      for (Index const at : {0, 3, 6}) {
        matrix<float> part(rows, columns);
        multiply(part, a.block(at, 0, rows, 70), b.block(0, 8 * at, 70, columns));
        CHECK(part == whole.block(at, 8 * at, rows, columns));
      }
    }
  }
}

TEST_CASE("a softmax is exact to rounding, from the smallest share to the largest, at any temperature") {
  for (Index const n : {1, 2, 15, 16, 17, 1003}) {
    for (float const scale : {1.0F, 0.5F, 4.0F}) {
      matrix<float> x(1, n);
      for (Index i = 0; i < n; ++i) x(0, i) = 3.0F - static_cast<float>(i * 88) / static_cast<float>(n) / scale;
      std::vector<double> const right = trainer_test::softmax_of(x.row(0), 1.0 / static_cast<double>(scale));
      matrix<float> p = x;
      kernels::softmax(p.data(), n, scale);
      for (Index i = 0; i < n; ++i) {
        INFO(scale << " x " << x(0, i));
        double const expected = scale * (x(0, i) - x(0, 0)) < -87.0F ? 0.0 : right[static_cast<std::size_t>(i)];
        CHECK(std::abs(static_cast<double>(p(0, i)) - expected) <= 1e-6 * expected);
      }
    }
  }
}

TEST_CASE("a network of floats computes what one of doubles does, forward and backward") {
  model_shape const shape{24, 44, 2, 6, 3, 29, 90};
  parameters<float> const w = random_model(shape, 5);
  auto const exact = converted<double>(w);
  random_stream random({9});
  sequence s{{}, 4};
  for (int t = 0; t < 71; ++t) s.ids.push_back(static_cast<std::int32_t>(random.below(29)));
  matrix<float> const dlogits = drawn(s.response_length(), 29, 6);
  network_trace<float> trace;
  network_trace<double> exact_trace;
  network<float> const net(shape);
  network<double> const exact_net(shape);
  net.forward(turned_weights<float>(w), s, trace);
  exact_net.forward(turned_weights<double>(exact), s, exact_trace);
  CHECK(distance(trace.logits, exact_trace.logits) < 1e-5);
  parameters<float> g(shape);
  parameters<double> exact_g(shape);
  net.backward(w, s, trace, dlogits, g);
  exact_net.backward(exact, s, exact_trace, dlogits.cast<double>(), exact_g);
  for (tensor const t : all_tensors) {
    tensor_place const& p = w.place(t);
    double worst = 0.0, largest = 0.0;
    for (auto i = static_cast<std::size_t>(p.first); i < static_cast<std::size_t>(p.first + p.size()); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(g.flat()[i]) - exact_g.flat()[i]));
      largest = std::max(largest, std::abs(exact_g.flat()[i]));
    }
    INFO(name(t));
    CHECK(worst < 1e-5 * largest);
  }
}

TEST_CASE("the gradient of a batch is that of its sequences, added up") {
  model_shape const shape{16, 24, 1, 2, 1, 8, 32};
  parameters<float> const w = random_model(shape, 3);
  std::vector<sequence> const all = {{{1, 2, 3, 4}, 2}, {{1, 5, 6}, 1}, {{1, 7, 0, 2, 3}, 3}};
  std::vector<sequence const*> const lent = {&all[0], &all[1], &all[2]};
  double const temperature = 0.5;
  std::vector<float> const slope = {0.5F, -1.0F, 0.0F, 0.0F, 2.0F, 0.25F};  // the second teaches nothing
  batch_pass pass(shape, 3, 2, temperature);
  pass.forward(w, lent, [&](std::size_t i, matrix<float> const& logits) {
    return trained_policy_of(logits, all[i].response(), temperature);
  });
  parameters<float> const& sum = pass.backward(w, lent, slope);
  parameters<float> alone(shape);
  network<float> const net(shape);
  std::size_t first = 0;
  for (sequence const& s : all) {
    network_trace<float> trace;
    net.forward(turned_weights<float>(w), s, trace);
    matrix<float> dlogits(s.response_length(), shape.vocabulary);
    for (Index t = 0; t < dlogits.rows(); ++t, ++first) {
      std::vector<double> const pi = trainer_test::softmax_of(trace.logits.row(t), temperature);
      for (Index v = 0; v < dlogits.cols(); ++v) {
        double const sampled = s.response()[static_cast<std::size_t>(t)] == v ? 1.0 : 0.0;
        double const of_logit = (sampled - pi[static_cast<std::size_t>(v)]) / temperature;
        dlogits(t, v) = slope[first] * static_cast<float>(of_logit);
      }
    }
    net.backward(w, s, trace, dlogits, alone);
  }
  for (std::size_t i = 0; i < sum.flat().size(); ++i) {
    REQUIRE(sum.flat()[i] == cppo_test::approx(alone.flat()[i]).epsilon(1e-4).margin(1e-6));
  }
}
