// Advantages as their papers define them, in plain loops of long double. Shares no code with the library.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cppo_test {

// Responses of a padded batch: rewards, prompts, and which of the `width` slots of each are tokens.
struct rewarded {
  std::vector<double> reward;
  std::vector<std::int64_t> group;
  std::vector<std::uint8_t> mask;
  std::size_t width = 0;

  std::size_t size() const { return reward.size(); }
  std::size_t length(std::size_t b) const {
    auto const first = mask.begin() + static_cast<std::ptrdiff_t>(b * width);
    return static_cast<std::size_t>(std::count(first, first + static_cast<std::ptrdiff_t>(width), 1));
  }
};

// One number a response, or one a slot, by the name of the rule.
class reference_advantage {
 public:
  using number = long double;
  explicit reference_advantage(rewarded const& r) : r_(r) {}

  std::vector<double> of(std::string const& rule) const {
    if (rule == "grpo") return each([&](auto b) { return centred(b) / (deviation(b) + 1e-6L); });
    if (rule == "dr_grpo") return each([&](auto b) { return centred(b); });
    if (rule == "rloo") return each([&](auto b) { return left_out(b); });
    if (rule == "opo") return each([&](auto b) { return weighed(b); });
    if (rule == "gpg") return each([&](auto b) { return alpha(differing()) * (r_.reward[b] - mean_of_group(b)) / 2; });
    if (rule == "gpg_nonzero") return each([&](auto b) { return alpha(std::max(number(1), nonzero())) * centred(b); });
    if (rule == "overlong") return each([&](auto b) { return shaped(b); });
    if (rule == "dynamic_sampling") return each([&](auto b) { return differs(b) || alone(b) ? 1.0L : 0.0L; });
    if (rule == "reinforce_pp") return whitened([&](auto b, auto t) { return discounted(b, t, 0.9L); }, true);
    if (rule == "reinforce_pp_verl") return whitened([&](auto b, auto t) { return discounted(b, t, 1.0L); }, false);
    if (rule == "reinforce_pp_baseline") return whitened([&](auto b, auto) { return centred(b); }, true);
    return {};
  }

 private:
  template <class F>
  std::vector<double> each(F const& f) const {
    std::vector<double> out;
    for (std::size_t b = 0; b < r_.size(); ++b) out.push_back(static_cast<double>(f(b)));
    return out;
  }
  template <class F>
  void each_of_group(std::size_t b, F const& f) const {
    for (std::size_t i = 0; i < r_.size(); ++i) {
      if (r_.group[i] == r_.group[b]) f(i);
    }
  }
  number members(std::size_t b) const {
    number n = 0;
    each_of_group(b, [&](std::size_t) { ++n; });
    return n;
  }
  bool alone(std::size_t b) const { return members(b) == 1; }
  number total_of_group(std::size_t b) const {
    number sum = 0;
    each_of_group(b, [&](std::size_t i) { sum += r_.reward[i]; });
    return sum;
  }
  number mean_of_group(std::size_t b) const { return total_of_group(b) / members(b); }
  number centred(std::size_t b) const { return r_.reward[b] - (alone(b) ? 0 : mean_of_group(b)); }
  number deviation(std::size_t b) const {
    if (alone(b)) return 1;
    number squares = 0, mean = mean_of_group(b);
    each_of_group(b, [&](std::size_t i) { squares += (r_.reward[i] - mean) * (r_.reward[i] - mean); });
    return std::sqrt(squares / (members(b) - 1));
  }
  number left_out(std::size_t b) const {
    return alone(b) ? r_.reward[b] : r_.reward[b] - (total_of_group(b) - r_.reward[b]) / (members(b) - 1);
  }
  number weighed(std::size_t b) const {
    number sum = 0, tokens = 0;
    each_of_group(b, [&](std::size_t i) {
      auto const n = static_cast<number>(r_.length(i));
      sum += n * r_.reward[i], tokens += n;
    });
    return r_.reward[b] - (alone(b) || tokens == 0 ? 0 : sum / tokens);
  }
  bool differs(std::size_t b) const {
    bool found = false;
    each_of_group(b, [&](std::size_t i) { found = found || r_.reward[i] != r_.reward[b]; });
    return found;
  }
  number differing() const {
    number n = 0;
    for (std::size_t b = 0; b < r_.size(); ++b) n += differs(b) ? 1 : 0;
    return n;
  }
  number nonzero() const {
    number n = 0;
    for (double const x : r_.reward) n += x != 0 ? 1 : 0;
    return n;
  }
  number alpha(number teaching) const { return teaching == 0 ? 0 : static_cast<number>(r_.size()) / teaching; }
  number shaped(std::size_t b) const {
    number const excess = (4 - 3 - static_cast<number>(r_.length(b))) / 3;
    return r_.reward[b] + 0.5L * std::clamp(excess, number(-1), number(0));
  }
  number discounted(std::size_t b, std::size_t t, number gamma) const {
    number x = r_.reward[b];
    for (std::size_t k = t; k < r_.length(b); ++k) x *= gamma;
    return x;
  }
  template <class F>
  std::vector<double> whitened(F const& f, bool authors) const {
    std::vector<number> x;
    for (std::size_t b = 0; b < r_.size(); ++b) {
      for (std::size_t t = 1; t <= r_.length(b); ++t) x.push_back(f(b, t));
    }
    number mean = 0, squares = 0, n = static_cast<number>(x.size());
    for (number const a : x) mean += a / n;
    for (number const a : x) squares += (a - mean) * (a - mean);
    number const v = authors ? std::max(squares / std::max(n, number(1)), 1e-8L)
                             : squares / std::max(n - 1, number(1)) + 1e-8L;
    std::vector<double> out(r_.mask.size());
    std::size_t next = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (r_.mask[i] == 1) out[i] = static_cast<double>((x[next++] - mean) / std::sqrt(v));
    }
    return out;
  }

  rewarded const& r_;
};

}  // namespace cppo_test
