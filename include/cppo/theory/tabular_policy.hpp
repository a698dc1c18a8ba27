/// @file
/// Small autoregressive policies as tables: V symbols, T tokens, one row of V probabilities for each prefix.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/theory/rational.hpp>

#include <Eigen/Core>

/// @cond
namespace Eigen {

/// Makes `rational` a scalar type for Eigen: exact, signed, costly.
template <>
struct NumTraits<cppo::theory::rational> : GenericNumTraits<cppo::theory::rational> {
  using Real = cppo::theory::rational;        ///< real numbers of this type
  using NonInteger = cppo::theory::rational;  ///< quotients of this type
  using Nested = cppo::theory::rational;      ///< passed by value
  enum { IsComplex = 0, IsInteger = 0, IsSigned = 1, RequireInitialization = 1, ReadCost = 2 };
  enum { AddCost = 100, MulCost = 100 };
  static constexpr Real epsilon() { return 0; }          ///< nothing is rounded
  static constexpr Real dummy_precision() { return 0; }  ///< nothing is rounded
  static constexpr int digits10() { return 0; }          ///< nothing is rounded
};

}  // namespace Eigen
/// @endcond

namespace cppo { inline namespace CPPO_ABI { namespace theory {

/// A policy over V symbols and responses of exactly T tokens. Scalar: double or `rational`.
///
/// The row of a prefix of t tokens a_1 ... a_t: shorter prefixes come first, then the order of a_1 ... a_t as a number
/// in base V.
template <class Scalar>
class tabular_policy {
 public:
  using matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;  ///< [prefixes, V]

  /// The policy under which every token is uniform. Pre: V >= 1, T >= 1, and V^T small enough to enumerate.
  tabular_policy(index_t symbols, index_t length) : symbols_(symbols), length_(length) {
    table_ = matrix::Constant(first_row(length), symbols, Scalar(1) / Scalar(static_cast<int>(symbols)));
  }
  /// V, the number of symbols.
  index_t symbols() const noexcept { return symbols_; }
  /// T, the length of every response.
  index_t length() const noexcept { return length_; }
  /// V^T, the number of responses.
  index_t responses() const noexcept { return power(length_); }
  /// V^t.
  index_t power(index_t t) const noexcept { return t == 0 ? 1 : symbols_ * power(t - 1); }
  /// Row of the first prefix of t tokens; for t = T the number of rows.
  index_t first_row(index_t t) const noexcept { return t == 0 ? 0 : first_row(t - 1) + power(t - 1); }
  /// Row of the first t tokens of response y, 0 <= y < V^T.
  index_t row_of(index_t t, index_t y) const noexcept { return first_row(t) + y / power(length_ - t); }
  /// Token t of response y, counted from 1: a symbol in 0, ..., V - 1.
  index_t token_of(index_t t, index_t y) const noexcept { return y / power(length_ - t) % symbols_; }
  /// The table, which the caller fills row by row.
  /// @{
  matrix& table() noexcept { return table_; }
  matrix const& table() const noexcept { return table_; }
  /// @}
  /// True if every row is a probability law whose sum is 1 to within `tolerance`.
  bool check(Scalar tolerance = Scalar(0)) const {
    if (table_.rows() != first_row(length_) || table_.cols() != symbols_) return false;
    for (Eigen::Index r = 0; r < table_.rows(); ++r) {
      Scalar sum(0);
      for (Eigen::Index a = 0; a < table_.cols(); ++a) {
        if (!(table_(r, a) >= Scalar(0))) return false;
        sum += table_(r, a);
      }
      if (!(sum <= Scalar(1) + tolerance && sum >= Scalar(1) - tolerance)) return false;
    }
    return true;
  }

 private:
  index_t symbols_, length_;
  matrix table_;
};

/// The policy pi_g = (1 - g_s) mu + g_s pi at every prefix s. g holds one number in [0, 1] for each prefix, in
/// the order of the table's rows. D(mu, pi_g) = g_s D(mu, pi) at every s. [Eq. 21]
template <class Scalar>
tabular_policy<Scalar> mixture(tabular_policy<Scalar> const& mu, tabular_policy<Scalar> const& pi,
                               Eigen::Matrix<Scalar, Eigen::Dynamic, 1> const& g) {
  tabular_policy<Scalar> mixed = mu;
  for (Eigen::Index r = 0; r < g.size(); ++r) {
    for (Eigen::Index a = 0; a < mixed.table().cols(); ++a) {
      mixed.table()(r, a) = (Scalar(1) - g(r)) * mu.table()(r, a) + g(r) * pi.table()(r, a);
    }
  }
  return mixed;
}

}}}  // namespace cppo::theory

#include <cppo/macros_on.inc>
