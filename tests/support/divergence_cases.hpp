// Divergences of the full vocabulary to compare an executor with seq, bit for bit.
#pragma once

#include "logit_cases.hpp"

namespace cppo_test {

// What mu is lent as.
enum class mu_is : std::uint8_t { logits, log_probs };

struct divergence_case {
  std::size_t rows, width;
  std::size_t apart = 0;  // elements between rows, of both
  std::size_t skip = 0;   // elements before the first row of pi; before that of mu there is one more
  double temperature = 1.0;
  mu_is mu = mu_is::logits;
  bool only_tv = false;
  std::uint64_t seed = 1;
};

// Inputs and outputs of a case, in vectors.
template <class Pi, class Mu = Pi>
struct divergence_buffers {
  divergence_case c;
  std::vector<Pi> pi;
  std::vector<Mu> mu;
  std::vector<std::uint8_t> mask;
  std::vector<double> pi_total;
  std::vector<float> mu_total;
  std::vector<double> tv;
  std::vector<float> kl;

  explicit divergence_buffers(divergence_case const& of)
      : c(of), pi(place(c.rows, 0), Pi(0.5F)), mu(place(c.rows, 1), Mu(0.5F)), tv(c.rows, 9.0), kl(c.rows, 9.0F) {
    for (std::size_t i = 0; i < c.rows; ++i) add_row(i);
  }
  std::size_t place(std::size_t row, std::size_t column) const { return c.skip + row * (c.width + c.apart) + column; }
  template <class F>
  void each_input(F const& f) {
    f(pi), f(mu), f(mask), f(pi_total), f(mu_total);
  }
  template <class F>
  void each_output(F const& f) {
    f(tv), f(kl);
  }

 private:
  void add_row(std::size_t i) {
    drawn_numbers draw(c.seed * 100 + i);
    auto const shape = static_cast<row_shape>((i + c.seed) % static_cast<std::size_t>(row_shape::count));
    std::vector<float> const row = drawn_row(shape, c.width, c.seed + i);
    double sum = 0.0;
    for (float const x : row) sum += std::exp(static_cast<double>(x));
    double const total = std::log(sum);
    for (std::size_t k = 0; k < c.width; ++k) {
      float const moved = row[k] + (draw.bits() % 3 == 0 ? 0.0F : static_cast<float>(0.3 * draw.normal()));
      pi[place(i, k)] = Pi(draw.bits() % 50 == 0 ? no_logit : moved);
      mu[place(i, k + 1)] = Mu(c.mu == mu_is::log_probs ? row[k] - static_cast<float>(total) : row[k]);
    }
    mask.push_back(draw.bits() % 5 != 0);
    pi_total.push_back(total / c.temperature + 0.01), mu_total.push_back(static_cast<float>(total));
  }
};

// Runs a case by call(batch, log_sum_exp, mu, outputs); there(vector) is where the executor finds it.
template <class Buffers, class There, class Call>
cppo::status run_case(Buffers& b, There const& there, Call const& call) {
  using namespace cppo;
  auto const size = [](std::size_t n) { return static_cast<index_t>(n); };
  auto const rows = [&](auto* p) {
    return logits(size(b.c.width), matrix_view(p + b.c.skip, size(b.c.rows), size(b.c.width),
                                               size(b.c.width + b.c.apart), 1));
  };
  auto const batch = logit_batch(padded(size(b.c.rows), 1), rows(there(b.pi)).at_temperature(b.c.temperature),
                                 response_mask(there(b.mask)));
  policy_rows mu;
  if (b.c.mu == mu_is::logits) mu = {.logits = rows(there(b.mu) + 1), .log_sum_exp = there(b.mu_total)};
  else mu.log_probs = rows(there(b.mu) + 1);
  full_divergence_outputs out{.tv = there(b.tv)};
  if (!b.c.only_tv) out.kl = there(b.kl);
  return call(batch, slot_input(there(b.pi_total)), mu, out);
}

// Compares run(buffers) with seq; change(buffers) makes both cases what they are.
template <class Pi, class Mu = Pi, class Run, class Change>
std::string divergences_unlike_seq(divergence_case const& c, Run const& run, Change const& change) {
  divergence_buffers<Pi, Mu> want(c), got(c);
  change(want), change(got);
  cppo::status const w = run_case(want, [](auto& v) { return v.data(); }, [](auto const&... of) {
    return full_divergences(cppo::seq, of...);
  });
  std::string wrong = unlike(run(got), w);
  auto const same = [](auto const& a, auto const& b) {
    return std::equal(a.begin(), a.end(), b.begin(), [](auto x, auto y) {
      return std::memcmp(&x, &y, sizeof x) == 0 || (x != x && y != y);
    });
  };
  if (wrong.empty() && !same(got.tv, want.tv)) wrong = "tv differs";
  if (wrong.empty() && !same(got.kl, want.kl)) wrong = "kl differs";
  if (wrong.empty()) return "";
  return "divergences, seed " + std::to_string(c.seed) + ", " + std::to_string(c.rows) + " x " +
         std::to_string(c.width) + ": " + wrong;
}

// Compares what can be wrong with a batch, and logits that are no numbers, which are not.
template <class Run>
std::string divergence_faults_unlike_seq(Run const& run) {
  using buffers = divergence_buffers<float>;
  static constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  void (*const changes[])(buffers&) = {
      [](buffers& b) { b.pi[b.place(1, 3)] = nan, b.mu[b.place(2, 9)] = nan, b.pi[b.place(3, 0)] = inf; },
      [](buffers& b) { std::fill_n(b.pi.begin() + 70, 70, no_logit); },
      [](buffers& b) { std::fill_n(b.mu.begin() + 71, 70, no_logit); },
      [](buffers& b) { b.pi_total[3] = std::numeric_limits<double>::infinity(), b.mu_total[2] = nan; },
      [](buffers& b) { b.pi_total[3] = std::numeric_limits<double>::quiet_NaN(), b.mu_total[3] = inf; },
      [](buffers& b) { b.mu_total[4] = -inf, b.mask[4] = 0; },
      [](buffers& b) { b.mu_total[4] = -inf, b.mask[5] = 2; },
      [](buffers& b) { b.pi_total[1] = 1e300; },
      [](buffers& b) { std::fill(b.mask.begin(), b.mask.end(), std::uint8_t{0}); },
  };
  int k = 0;
  for (auto const change : changes) {
    std::string const wrong = divergences_unlike_seq<float>({6, 70}, run, [&](buffers& b) {
      std::fill(b.mask.begin(), b.mask.end(), std::uint8_t{1});
      change(b);
    });
    if (!wrong.empty()) return "fault " + std::to_string(k) + ", " + wrong;
    ++k;
  }
  return "";
}

}  // namespace cppo_test
