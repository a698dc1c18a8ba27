// Calls on logits to compare an executor with seq, bit for bit: rows of many shapes, cuts, types and faults.
#pragma once

#include "drawn_logits.hpp"

#include <cppo/logits.hpp>

#include <cstring>
#include <string>

namespace cppo_test {

struct logit_case {
  std::size_t rows, width;
  std::size_t apart = 0;  // elements between rows
  std::size_t skip = 0;   // elements before the first
  cppo::index_t most = 4;
  double temperature = 1.0;
  double entropy_slope = 0.0;
  std::uint64_t seed = 1;
};

// Inputs and outputs of a case, in vectors.
template <class Element, class Gradient = Element>
struct logit_buffers {
  static constexpr std::size_t listed = 3;
  logit_case c;
  std::vector<Element> x;
  std::vector<std::int64_t> id;
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> mask;
  std::vector<double> slope;
  std::vector<float> log_prob, listed_log_prob, entropy, largest;
  std::vector<double> log_sum_exp;
  std::vector<std::int32_t> largest_id;
  std::vector<Gradient> gradient;

  explicit logit_buffers(logit_case const& of)
      : c(of), x(elements(), Element(0.5F)), log_prob(c.rows, 9.0F), listed_log_prob(c.rows * listed, 9.0F),
        entropy(c.rows, 9.0F), largest(c.rows * static_cast<std::size_t>(c.most), 9.0F), log_sum_exp(c.rows, 9.0),
        largest_id(largest.size(), 9), gradient(elements(), Gradient(9.0F)) {
    for (std::size_t i = 0; i < c.rows; ++i) add_row(i);
  }
  std::size_t elements() const { return c.skip + c.rows * (c.width + c.apart); }
  std::size_t place(std::size_t row, std::size_t column) const { return c.skip + row * (c.width + c.apart) + column; }
  // Calls f(vector) for what is read, and for what is written.
  template <class F>
  void each_input(F const& f) {
    f(x), f(id), f(ids), f(mask), f(slope);
  }
  template <class F>
  void each_output(F const& f) {
    f(log_prob), f(listed_log_prob), f(entropy), f(largest), f(log_sum_exp), f(largest_id), f(gradient);
  }

 private:
  void add_row(std::size_t i) {
    drawn_numbers draw(c.seed * 100 + i);
    auto const shape = static_cast<row_shape>((i + c.seed) % static_cast<std::size_t>(row_shape::count));
    std::vector<float> const row = drawn_row(shape, c.width, c.seed + i);
    for (std::size_t k = 0; k < c.width; ++k) x[place(i, k)] = Element(row[k]);
    auto const top = static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    std::size_t const any = draw.bits() % c.width;
    id.push_back(static_cast<std::int64_t>(row[any] == no_logit ? top : any));
    for (std::size_t j = 0; j < listed; ++j)
      ids.push_back(draw.bits() % 5 == 0 ? -1 : static_cast<std::int32_t>(draw.bits() % c.width));
    mask.push_back(draw.bits() % 4 != 0);
    slope.push_back(draw.bits() % 5 == 0 ? 0.0 : draw.normal());
  }
};

// How both calls of a case ended.
struct both_statuses {
  cppo::status forward, backward;
};

// Runs both calls: log_probs(batch, outputs), and logits_gradient(batch, slopes, gradient) on what it has written.
// there(vector) is where the executor finds it.
template <class Buffers, class There, class LogProbs, class Gradient>
both_statuses run_case(Buffers& b, There const& there, LogProbs const& log_probs, Gradient const& logits_gradient) {
  using namespace cppo;
  auto const size = [](std::size_t n) { return static_cast<index_t>(n); };
  auto const rows = [&](auto* p) {
    return matrix_view(p + b.c.skip, size(b.c.rows), size(b.c.width), size(b.c.width + b.c.apart), 1);
  };
  auto const batch = logit_batch(padded(1, size(b.c.rows)),
                                 logits(size(b.c.width), rows(there(b.x))).at_temperature(b.c.temperature),
                                 token_id(there(b.id)), top_k_ids(size(b.listed), there(b.ids)),
                                 response_mask(there(b.mask)));
  both_statuses s;
  s.forward = log_probs(batch, log_prob_outputs{.log_prob = there(b.log_prob),
                                                .listed_log_prob = there(b.listed_log_prob),
                                                .log_sum_exp = there(b.log_sum_exp),
                                                .entropy = there(b.entropy),
                                                .largest_count = b.c.most,
                                                .largest_id = there(b.largest_id),
                                                .largest_log_prob = there(b.largest)});
  s.backward = logits_gradient(batch,
                               logit_slopes{.slope = there(b.slope),
                                            .log_sum_exp = there(b.log_sum_exp),
                                            .entropy = there(b.entropy),
                                            .entropy_slope = b.c.entropy_slope},
                               output(rows(there(b.gradient))));
  return s;
}
template <class Buffers>
both_statuses run_on_seq(Buffers& b) {
  return run_case(
      b, [](auto& v) { return v.data(); },
      [](auto const& batch, auto const& out) { return log_probs(cppo::seq, batch, out); },
      [](auto const& batch, auto const& s, auto const& g) { return logits_gradient(cppo::seq, batch, s, g); });
}

inline std::string unlike(cppo::status const& got, cppo::status const& want) {
  std::string const a = cppo::describe(got).c_str(), b = cppo::describe(want).c_str();
  return a == b ? "" : "it says \"" + a + "\" in the place of \"" + b + "\"";
}
// The first difference between what both have written.
template <class Buffers>
std::string unlike(Buffers& got, Buffers& want) {
  std::vector<std::vector<unsigned char>> bytes;
  auto const keep = [&bytes](auto v) {
    if constexpr (std::is_same_v<decltype(v), std::vector<float>>) {  // the bits of a NaN are not promised
      for (float& x : v) x = x == x ? x : std::numeric_limits<float>::quiet_NaN();
    }
    auto const* const p = reinterpret_cast<unsigned char const*>(v.data());
    bytes.emplace_back(p, p + v.size() * sizeof v[0]);
  };
  want.each_output(keep);
  std::size_t const n = bytes.size();
  got.each_output(keep);
  char const* const names[] = {"log_prob", "listed_log_prob", "entropy", "largest", "log_sum_exp", "largest_id",
                               "gradient"};
  for (std::size_t k = 0; k < n; ++k) {
    if (bytes[k] != bytes[n + k]) return std::string(names[k]) + " differs";
  }
  return "";
}
// Compares run(buffers) with seq; change(buffers) makes both cases what they are.
template <class Element, class Gradient = Element, class Run, class Change>
std::string unlike_seq(logit_case const& c, Run const& run, Change const& change) {
  logit_buffers<Element, Gradient> want(c), got(c);
  change(want), change(got);
  both_statuses const w = run_on_seq(want), g = run(got);
  std::string wrong = unlike(g.forward, w.forward);
  if (wrong.empty()) wrong = unlike(g.backward, w.backward);
  if (wrong.empty()) wrong = unlike(got, want);
  if (wrong.empty()) return "";
  return "seed " + std::to_string(c.seed) + ", " + std::to_string(c.rows) + " x " + std::to_string(c.width) + ": " +
         wrong;
}

// Compares what can be wrong with a batch, alone and together.
template <class Run>
std::string faults_unlike_seq(Run const& run) {
  using buffers = logit_buffers<float>;
  logit_case const c{6, 70};
  auto const token = [](buffers& b, std::size_t i) {
    for (std::size_t k = 0; k < 70; ++k) b.x[b.place(i, k)] = static_cast<float>(k % 7);
    b.mask[i] = 1, b.id[i] = 3, b.slope[i] = 1.0;
  };
  void (*const changes[])(buffers&) = {
      [](buffers& b) { b.x[b.place(2, 40)] = std::numeric_limits<float>::quiet_NaN(), b.id[1] = 70; },
      [](buffers& b) { b.x[b.place(2, 40)] = std::numeric_limits<float>::quiet_NaN(); },
      [](buffers& b) { b.x[b.place(4, 69)] = b.x[b.place(3, 5)] = std::numeric_limits<float>::infinity(); },
      [](buffers& b) { b.x[b.place(1, 3)] = no_logit, b.x[b.place(2, 1)] = std::numeric_limits<float>::infinity(); },
      [](buffers& b) { b.x[b.place(1, 3)] = no_logit; },
      [](buffers& b) { std::fill_n(b.x.begin() + 70, 70, no_logit); },
      [](buffers& b) { b.mask[4] = 7, b.id[5] = -1; },
      [](buffers& b) { b.ids[7] = 70; },
      [](buffers& b) { b.mask[1] = 0, b.x[b.place(1, 40)] = std::numeric_limits<float>::quiet_NaN(); },
      [](buffers& b) { b.slope[3] = std::numeric_limits<double>::quiet_NaN(); },
      [](buffers& b) { std::fill(b.mask.begin(), b.mask.end(), std::uint8_t{0}); },
  };
  int k = 0;
  for (auto const change : changes) {
    std::string const wrong = unlike_seq<float>(c, run, [&](buffers& b) {
      for (std::size_t i = 1; i < 5; ++i) token(b, i);
      change(b);
    });
    if (!wrong.empty()) return "fault " + std::to_string(k) + ", " + wrong;
    ++k;
  }
  return "";
}

}  // namespace cppo_test
