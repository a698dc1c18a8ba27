// The hand-written backward pass against central differences, every single parameter.
#include "support/catch_compat.hpp"
#include "network.hpp"
#include "random.hpp"

using namespace trainer;

namespace {

model_shape const tiny{8, 12, 2, 4, 2, 11, 16};

/// sum over the response of c_t log pi(y_t): what `backward` differentiates, given the c_t.
double objective(parameters<double> const& w, sequence const& s, std::vector<double> const& c) {
  network_trace<double> trace;
  network<double>(w.shape()).forward(turned_weights<double>(w), s, trace);
  double sum = 0.0;
  for (Index t = 0; t < s.response_length(); ++t) sum += c[static_cast<std::size_t>(t)] * trace.log_prob(t);
  return sum;
}

/// Largest |analytic - numeric| over the parameters of group t, relative to the largest gradient of the group.
double worst_error(tensor t, parameters<double> w, sequence const& s, std::vector<double> const& c,
                   parameters<double> const& analytic) {
  tensor_place const& p = w.place(t);
  double worst = 0.0;
  double largest = 0.0;
  for (Index i = p.first; i < p.first + p.size(); ++i) {
    double& x = w.flat()[static_cast<std::size_t>(i)];
    double const before = x;
    double const h = 1e-5;
    x = before + h;
    double const up = objective(w, s, c);
    x = before - h;
    double const down = objective(w, s, c);
    x = before;
    double const g = analytic.flat()[static_cast<std::size_t>(i)];
    worst = std::max(worst, std::abs(g - (up - down) / (2.0 * h)));
    largest = std::max(largest, std::abs(g));
  }
  return worst / largest;
}

}  // namespace

TEST_CASE("every group of parameters has the gradient of central differences") {
  auto w = converted<double>(random_model(tiny, 5));
  random_stream random({3});
  for (double& x : w.flat()) x += 0.1 * random.normal();  // gains of 1 would hide a gain that is left out
  sequence const s{{1, 4, 4, 9, 0, 10, 2, 4, 7, 3}, 3};
  std::vector<double> const c{0.7, -1.3, 0.0, 2.1, 0.4, -0.2, 1.0};
  network<double> const net(tiny);
  network_trace<double> trace;
  net.forward(turned_weights<double>(w), s, trace);
  parameters<double> gradient(tiny);
  net.backward(w, s, trace, c, gradient);
  for (tensor const t : all_tensors) {
    INFO(name(t));
    CHECK(worst_error(t, w, s, c, gradient) < 1e-7);
  }
}

TEST_CASE("backward adds to what is there, and a response of one token has a gradient too") {
  auto const w = converted<double>(random_model(tiny, 6));
  sequence const s{{1, 4, 9}, 2};
  network<double> const net(tiny);
  network_trace<double> trace;
  net.forward(turned_weights<double>(w), s, trace);
  parameters<double> once(tiny);
  parameters<double> twice(tiny);
  std::vector<double> const c{1.0};
  net.backward(w, s, trace, c, once);
  net.backward(w, s, trace, c, twice);
  net.backward(w, s, trace, c, twice);
  for (std::size_t i = 0; i < once.flat().size(); ++i)
    REQUIRE(twice.flat()[i] == cppo_test::approx(2.0 * once.flat()[i]).margin(1e-15));
  for (tensor const t : all_tensors) {
    INFO(name(t));
    CHECK(worst_error(t, w, s, c, once) < 1e-7);
  }
}

TEST_CASE("log-probs of a response are log-softmax values of a causal model") {
  auto const w = random_model(tiny, 7);
  network<float> const net(tiny);
  network_trace<float> whole, cut;
  turned_weights<float> const turned(w);
  net.forward(turned, {{1, 4, 4, 9, 0, 10}, 2}, whole);
  net.forward(turned, {{1, 4, 4, 9, 3}, 2}, cut);
  for (Index t = 0; t < whole.log_soft.rows(); ++t)
    CHECK(whole.log_soft.row(t).array().exp().sum() == cppo_test::approx(1.0));
  // Tokens that come later change nothing: the first three rows see the same past.
  CHECK((whole.log_soft.topRows(3) - cut.log_soft).cwiseAbs().maxCoeff() < 1e-5F);
  CHECK(whole.log_prob(1) == whole.log_soft(1, 9));
}
