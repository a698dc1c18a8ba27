/// @file
/// The folds of a region a second time: each statistic from the list of its terms, in long double, by its definition.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/token.hpp>
#include <cppo/execution/call/fold_pass.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// An order statistic of the terms in a list that are not left out: the last one in order that is admitted, else the
/// first, or 0 for `capped`.
template <class Kind>
double plain_order(std::vector<double> terms, double parameter) {
  std::erase(terms, quantities::left_out);
  if (terms.empty()) return 0.0;
  std::sort(terms.begin(), terms.end());
  double found = std::is_same_v<Kind, quantities::capped_below> ? 0.0 : terms.front();
  auto const all = static_cast<index_t>(terms.size());
  for (double const v : terms) {
    standing s{.all = all};
    long double sum = 0;
    for (double const x : terms) {
      s.below += x < v ? 1 : 0;
      s.upto += x <= v ? 1 : 0;
      sum += x <= v ? x : 0.0;
    }
    s.sum = {.high = 0, .low = static_cast<index_t>(std::llround(std::ldexp(sum, 40)))};
    if (Kind::admits(v, s, parameter)) found = v;
  }
  return found;
}

/// The value of a statistic over the terms in a list; 0 of none.
template <class Statistic>
double plain_statistic(Statistic, double parameter, std::vector<double> const& terms) {
  namespace q = quantities;
  if (terms.empty()) return 0.0;
  if constexpr (requires { Statistic::takes_all; }) return plain_order<Statistic>(terms, parameter);
  else if constexpr (std::is_same_v<Statistic, q::smallest>) return *std::min_element(terms.begin(), terms.end());
  else if constexpr (std::is_same_v<Statistic, q::largest>) return *std::max_element(terms.begin(), terms.end());
  else if constexpr (std::is_same_v<Statistic, q::counted>) return static_cast<double>(terms.size());
  else if constexpr (std::is_same_v<Statistic, q::unit_of_distance> || std::is_same_v<Statistic, q::unit_of_size>)
    return 1.0;  // what is divided by it is multiplied by it again
  else {
    long double sum = 0;
    for (double const x : terms) sum += x;
    bool const mean = std::is_same_v<Statistic, q::averaged>;
    static_assert(std::is_same_v<Statistic, q::averaged> || std::is_same_v<Statistic, q::summed>);
    return static_cast<double>(mean ? sum / static_cast<long double>(terms.size()) : sum);
  }
}

/// The values of a region's folds for every token of a batch whose responses have these lengths.
class plain_folds {
 public:
  /// No values yet. `folds`: how many the region holds.
  plain_folds(std::vector<index_t> lengths, int folds) : lengths_(std::move(lengths)) {
    for (index_t const n : lengths_) {
      first_.push_back(stride_);
      stride_ += n + 1;
    }
    values_.assign(static_cast<std::size_t>(stride_ * folds), 0.0);
  }

  /// Finds the values of all folds. `load(b, k)`: token k of response b, with its position, before its folds are set.
  template <class Region, class Load>
  void find(Region const& region, Load const& load) {
    Region all = region;
    detail::each_level(all, [&](auto at) { level<decltype(at)::value>(all, load); });
  }
  /// Lends a token its folds.
  void lend(token<double_lane>& t, index_t b, index_t k) const {
    t.set_folds({values_.data() + first_[static_cast<std::size_t>(b)], stride_}, k);
  }
  /// The same values, each moved by `error` times 1 and its size.
  plain_folds moved(double error) const {
    plain_folds other = *this;
    for (double& x : other.values_) x += error * (1.0 + std::fabs(x));
    return other;
  }

 private:
  template <int Level, class Region, class Load>
  void level(Region const& region, Load const& load) {
    region.template each_value_at<Level>([&](auto const& f) {
      std::vector<std::vector<double>> terms(lengths_.size());
      std::vector<std::vector<index_t>> at(lengths_.size());
      for (std::size_t b = 0; b < lengths_.size(); ++b) {
        for (index_t k = 0; k < lengths_[b]; ++k) {
          token<double_lane> t = load(static_cast<index_t>(b), k);
          lend(t, static_cast<index_t>(b), k);
          at[b].push_back(t.at()[0]);
          terms[b].push_back(f.of()(static_cast<token<double_lane> const&>(t)).raw());
        }
      }
      for (std::size_t b = 0; b < lengths_.size(); ++b) put(f, b, terms, at[b]);
    });
  }
  /// The statistic that a fold is, whether its type says so or not.
  template <class Fold>
  static double statistic_of(Fold const& f, std::vector<double> const& terms) {
    double parameter = 0.0;
    if constexpr (detail::takes_all<Fold>) parameter = f.left.parameter;
    auto const one = [&](auto how) { return plain_statistic(how, parameter, terms); };
    if constexpr (requires { f.how().visit(one); }) return f.how().visit(one);
    else return one(f.how());
  }
  template <class Fold>
  void put(Fold const& f, std::size_t b, std::vector<std::vector<double>> const& terms,
           [[maybe_unused]] std::vector<index_t> const& at) {
    double* const out = values_.data() + f.slot * stride_ + first_[b];
    if constexpr (detail::is_halving<Fold>) {
      for (std::size_t t = 0; t < at.size(); ++t) {
        long double sum = 0;
        for (std::size_t k = t; k < at.size(); ++k)
          sum += static_cast<long double>(terms[b][k]) *
                 std::exp2(static_cast<long double>(at[t] - at[k]) / static_cast<long double>(f.left.parameter));
        out[t] = static_cast<double>(sum);
      }
    } else if constexpr (!detail::by_token(Fold::range)) {
      std::vector<double> all = terms[b];
      if constexpr (Fold::range == fold_range::batch) {
        all.clear();
        for (std::vector<double> const& one : terms) all.insert(all.end(), one.begin(), one.end());
      }
      *out = statistic_of(f, all);
    } else {
      for (index_t k = 0; k < lengths_[b]; ++k) out[k] = statistic_of(f, some(terms[b], k, f));
    }
  }
  /// The terms that token k sees.
  template <class Fold>
  static std::vector<double> some(std::vector<double> const& all, index_t k, Fold const&) {
    if constexpr (Fold::range == fold_range::before) return {all.begin(), all.begin() + k};
    else if constexpr (Fold::range == fold_range::upto) return {all.begin(), all.begin() + k + 1};
    else return {all.begin() + k, all.end()};
  }

  std::vector<index_t> lengths_, first_;
  index_t stride_ = 0;
  std::vector<double> values_;
};

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
