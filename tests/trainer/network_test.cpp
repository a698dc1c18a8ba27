// The hand-written backward pass against central differences, every single parameter.
#include "support/catch_compat.hpp"
#include "network.hpp"
#include "plain_softmax.hpp"
#include "random.hpp"

using namespace trainer;

namespace {

model_shape const tiny{8, 12, 2, 4, 2, 11, 16};

/// sum over the response of c_t log pi(y_t).
double objective(parameters<double> const& w, sequence const& s, std::vector<double> const& c) {
  network_trace<double> trace;
  network<double>(w.shape()).forward(turned_weights<double>(w), s, trace);
  double sum = 0.0;
  for (std::size_t t = 0; t < c.size(); ++t) {
    auto const pi = trainer_test::softmax_of(trace.logits.row(static_cast<Index>(t)));
    sum += c[t] * std::log(pi[static_cast<std::size_t>(s.response()[t])]);
  }
  return sum;
}

/// The gradient of that sum by the logits: what `backward` is given.
matrix<double> of_logits(network_trace<double> const& trace, sequence const& s, std::vector<double> const& c) {
  matrix<double> gradient(trace.logits.rows(), trace.logits.cols());
  for (Index t = 0; t < gradient.rows(); ++t) {
    auto const at = static_cast<std::size_t>(t);
    auto const pi = trainer_test::softmax_of(trace.logits.row(t));
    for (Index v = 0; v < gradient.cols(); ++v) gradient(t, v) = -c[at] * pi[static_cast<std::size_t>(v)];
    gradient(t, s.response()[at]) += c[at];
  }
  return gradient;
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
  net.backward(w, s, trace, of_logits(trace, s, c), gradient);
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
  matrix<double> const dlogits = of_logits(trace, s, c);
  net.backward(w, s, trace, dlogits, once);
  net.backward(w, s, trace, dlogits, twice);
  net.backward(w, s, trace, dlogits, twice);
  for (std::size_t i = 0; i < once.flat().size(); ++i)
    REQUIRE(twice.flat()[i] == cppo_test::approx(2.0 * once.flat()[i]).margin(1e-15));
  for (tensor const t : all_tensors) {
    INFO(name(t));
    CHECK(worst_error(t, w, s, c, once) < 1e-7);
  }
}

TEST_CASE("logits of a response are those of a causal model") {
  auto const w = random_model(tiny, 7);
  network<float> const net(tiny);
  network_trace<float> whole, cut;
  turned_weights<float> const turned(w);
  net.forward(turned, {{1, 4, 4, 9, 0, 10}, 2}, whole);
  net.forward(turned, {{1, 4, 4, 9, 3}, 2}, cut);
  REQUIRE(whole.logits.rows() == 4);
  // Tokens that come later change nothing: the first three rows see the same past. The next row sees another token.
  CHECK((whole.logits.topRows(3) - cut.logits).cwiseAbs().maxCoeff() < 1e-5F);
  CHECK((whole.logits.row(3) - whole.logits.row(2)).cwiseAbs().maxCoeff() > 1e-2F);
}
