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
  // An id of mu has probability 0 in pi where it has so in mu, and in one row of four elsewhere too.
  void add_row(std::size_t i) {
    drawn_numbers draw(c.seed * 100 + i);
    auto const shape = static_cast<row_shape>((i + c.seed) % static_cast<std::size_t>(row_shape::count));
    std::vector<float> const row = drawn_row(shape, c.width, c.seed + i);
    auto const top = static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    std::vector<float> moved = row;
    for (std::size_t k = 0; k < c.width; ++k) {
      if (draw.bits() % 3 != 0) moved[k] += static_cast<float>(0.3 * draw.normal());
      if (draw.bits() % 50 == 0 && i % 4 == 3 && k != top) moved[k] = no_logit;
    }
    pi_total.push_back(put<Pi>(moved, pi.begin() + at(place(i, 0)), c.temperature));
    double const total = put<Mu>(row, mu.begin() + at(place(i, 1)), 1.0);
    mu_total.push_back(static_cast<float>(total));
    if (c.mu == mu_is::log_probs) {
      for (std::size_t k = 0; k < c.width; ++k) mu[place(i, k + 1)] = Mu(row[k] - static_cast<float>(total));
    }
    mask.push_back(i == 0 || draw.bits() % 5 != 0);
  }
  static std::ptrdiff_t at(std::size_t place) { return static_cast<std::ptrdiff_t>(place); }
  // Puts a row there, and returns the log-sum-exp of what is there then.
  template <class Element>
  static double put(std::vector<float> const& row, typename std::vector<Element>::iterator there, double temperature) {
    std::vector<Element> const elements = as_elements<Element>(row);
    std::copy(elements.begin(), elements.end(), there);
    return static_cast<double>(exact_log_probs(numbers_of(elements), temperature).log_sum_exp);
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

// Compares run(got) with seq, which leaves its status in s and what it writes in `want`.
template <class Buffers, class Run>
std::string divergences_unlike_seq(Buffers& want, Buffers& got, cppo::status& s, Run const& run) {
  s = run_case(want, [](auto& v) { return v.data(); }, [](auto const&... of) {
    return full_divergences(cppo::seq, of...);
  });
  std::string wrong = unlike(run(got), s);
  auto const same = [](auto const& a, auto const& b) {
    return std::equal(a.begin(), a.end(), b.begin(), [](auto x, auto y) {
      return std::memcmp(&x, &y, sizeof x) == 0 || (x != x && y != y);
    });
  };
  if (wrong.empty() && !same(got.tv, want.tv)) wrong = "tv differs";
  if (wrong.empty() && !same(got.kl, want.kl)) wrong = "kl differs";
  return wrong;
}
// What a case that nobody has spoiled lacks to be one that compares numbers.
template <class Buffers>
std::string what_says_nothing(Buffers const& b, cppo::status const& s) {
  if (!s.ok()) return std::string("seq refuses it: ") + cppo::describe(s).c_str();
  bool far = b.c.width == 1, near = far || b.c.only_tv;
  for (std::size_t i = 0; i < b.c.rows; ++i) {
    far = far || (b.mask[i] != 0 && b.tv[i] > 0.0);
    near = near || (b.mask[i] != 0 && b.kl[i] > 0.0F && b.kl[i] < 1000.0F);
  }
  return !far ? "no tv is above 0" : near ? "" : "no kl is between its bounds";
}
// Compares run(buffers) with seq on inputs that seq takes.
template <class Pi, class Mu = Pi, class Run>
std::string divergences_unlike_seq(divergence_case const& c, Run const& run) {
  divergence_buffers<Pi, Mu> want(c), got(c);
  cppo::status s;
  std::string wrong = divergences_unlike_seq(want, got, s, run);
  if (wrong.empty()) wrong = what_says_nothing(want, s);
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
    buffers want({6, 70}), got({6, 70});
    for (buffers* b : {&want, &got}) b->mask.assign(6, 1), change(*b);
    cppo::status s;
    std::string const wrong = divergences_unlike_seq(want, got, s, run);
    if (!wrong.empty()) return "fault " + std::to_string(k) + " of divergences, " + wrong;
    ++k;
  }
  return "";
}

}  // namespace cppo_test
