/// @file
/// Small autoregressive policies as tables, compared by summing over every response: the bound's own ground truth.
///
/// V symbols, T tokens, one row of V probabilities for each prefix. Everything is a sum over the V^T responses, written
/// as products of probabilities without a division, so that a `rational` gives the exact value and an identity either
/// holds or does not. In double, J, L' and Delta are within `tabular_error_bound` of the exact values.
#pragma once

#include <cppo/theory/rational.hpp>

#include <cmath>

#include <Eigen/Core>

/// Makes `rational` a scalar of Eigen's: exact, signed, costly.
template <>
struct Eigen::NumTraits<cppo::theory::rational> : Eigen::GenericNumTraits<cppo::theory::rational> {
  using Real = cppo::theory::rational;        ///< real numbers of this type
  using NonInteger = cppo::theory::rational;  ///< quotients of this type
  using Nested = cppo::theory::rational;      ///< passed by value
  enum { IsComplex = 0, IsInteger = 0, IsSigned = 1, RequireInitialization = 1, ReadCost = 2, AddCost = 100, MulCost = 100 };
  static constexpr Real epsilon() { return 0; }          ///< nothing is rounded
  static constexpr Real dummy_precision() { return 0; }  ///< nothing is rounded
  static constexpr int digits10() { return 0; }          ///< nothing is rounded
};

namespace cppo::inline CPPO_ABI::theory {

/// A policy over V symbols and responses of exactly T tokens. Scalar: double or `rational`.
///
/// Row of a prefix of t tokens a_1 ... a_t: those of shorter prefixes first, then by the number a_1 ... a_t in base V.
template <class Scalar>
class tabular_policy {
 public:
  using matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;  ///< [prefixes, V]

  /// Every token uniform. Pre: V >= 1, T >= 1, V^T small enough to be enumerated.
  tabular_policy(index_t symbols, index_t length) : symbols_(symbols), length_(length) {
    table_ = matrix::Constant(first_row(length), symbols, Scalar(1) / Scalar(static_cast<int>(symbols)));
  }
  /// V
  index_t symbols() const noexcept { return symbols_; }
  /// T
  index_t length() const noexcept { return length_; }
  /// V^T
  index_t responses() const noexcept { return power(length_); }
  /// V^t
  index_t power(index_t t) const noexcept { return t == 0 ? 1 : symbols_ * power(t - 1); }
  /// Row of the first prefix of t tokens; for t = T the number of rows.
  index_t first_row(index_t t) const noexcept { return t == 0 ? 0 : first_row(t - 1) + power(t - 1); }
  /// Row of the first t tokens of response y, 0 <= y < V^T.
  index_t row_of(index_t t, index_t y) const noexcept { return first_row(t) + y / power(length_ - t); }
  /// Token t of response y, t from 1: a symbol in 0, ..., V - 1.
  index_t token_of(index_t t, index_t y) const noexcept { return y / power(length_ - t) % symbols_; }
  /// The table, to be filled row by row.
  /// @{
  matrix& table() noexcept { return table_; }
  matrix const& table() const noexcept { return table_; }
  /// @}
  /// Is every row a probability law, to within `tolerance` in its sum?
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

/// pi_g = (1 - g_s) mu + g_s pi at every prefix s; g holds one number in [0, 1] per row. D(mu, pi_g) = g_s D(mu, pi). [Eq. 21]
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

/// What summing over every response says about two policies. J, L' and Delta are linear in the reward, so each is kept
/// as one coefficient per response: see `value`.
template <class Scalar>
struct tabular_comparison {
  using vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;  ///< numbers per response, prefix or position
  vector pi;         ///< [V^T] pi(y): J(pi) = value(pi, R)
  vector mu;         ///< [V^T] mu(y): J(mu)
  vector surrogate;  ///< [V^T] mu(y) sum over t of (rho_t - 1): L'
  vector residual;   ///< [V^T] mu(y) sum over t of (rho_t - 1)(1 - rho_{t+1:T}): Delta
  vector reached;     ///< [prefixes] mu(s)
  vector divergence;  ///< [prefixes] D at s, total variation
  vector suffix;      ///< [prefixes] total variation of the two laws of all that follows s
  vector u;           ///< [T] u_t = E_mu[D_t]
  vector ell;         ///< [T] largest D_t at a prefix that mu reaches
  vector lambda;      ///< [T] largest `suffix` after token t at a prefix that mu reaches; 0 for t = T
  /// Does pi, where mu reaches, give probability to symbols of mu's alone? Without that the identity J(pi) - J(mu) = L'
  /// - Delta still holds of these coefficients, but they are no longer expectations under mu, and no bound does.
  bool absolutely_continuous = true;

  /// Sum over all responses of coefficient times reward, R [V^T]; level by level, so that errors do not grow with V^T.
  Scalar value(vector const& coefficients, vector const& rewards) const { return sum(coefficients.cwiseProduct(rewards)); }
  /// The largest |Delta| over all rewards |R| <= 1: the sum of the coefficients' magnitudes.
  Scalar largest_residual() const {
    vector magnitudes = residual;
    for (Eigen::Index y = 0; y < magnitudes.size(); ++y) magnitudes(y) = magnitude(residual(y));
    return sum(magnitudes);
  }
  /// |x|
  static Scalar magnitude(Scalar x) { return x < Scalar(0) ? Scalar(0) - x : x; }
  /// Sum in a fixed tree: pairs, pairs of pairs, and so on.
  static Scalar sum(vector x) {
    for (Eigen::Index n = x.size(); n > 1; n = (n + 1) / 2) {
      for (Eigen::Index i = 0; i < n / 2; ++i) x(i) = x(2 * i) + x(2 * i + 1);
      if (n % 2 != 0) x(n / 2) = x(n - 1);
    }
    return x.size() > 0 ? x(0) : Scalar(0);
  }
};

/// In double, J, L' and Delta, with |R| <= xi, are within this of their exact values for tables of doubles: each term is
/// at most T + 2 roundings from exact, a tree sum adds one per level, and the terms' magnitudes add up to at most 4 T xi.
inline double tabular_error_bound(index_t symbols, index_t length, double xi = 1.0) noexcept {
  double levels = 0.0;
  for (double n = 1.0, most = std::pow(static_cast<double>(symbols), static_cast<double>(length)); n < most; n *= 2.0) {
    levels += 1.0;
  }
  auto const T = static_cast<double>(length);
  return 4.0 * T * xi * (3.0 * T + levels + 4.0) * 0x1p-53;
}

namespace detail {

/// Products of token probabilities along every response: before(t, y) over its first t tokens, after(t, y) over the rest.
template <class Scalar>
struct response_products {
  typename tabular_policy<Scalar>::matrix token, before, after;
  explicit response_products(tabular_policy<Scalar> const& p) {
    index_t const T = p.length(), n = p.responses();
    token.resize(T, n);
    before.resize(T + 1, n);
    after.resize(T + 1, n);
    for (index_t y = 0; y < n; ++y) {
      before(0, y) = after(T, y) = Scalar(1);
      for (index_t t = 0; t < T; ++t) token(t, y) = p.table()(p.row_of(t, y), p.token_of(t + 1, y));
      for (index_t t = 0; t < T; ++t) before(t + 1, y) = before(t, y) * token(t, y);
      for (index_t t = T; t-- > 0;) after(t, y) = token(t, y) * after(t + 1, y);
    }
  }
};

/// Half the sum of magnitudes over each group of `size` successive differences: total variations of the laws they are of.
template <class Scalar, class Row>
typename tabular_comparison<Scalar>::vector half_magnitudes(Row const& x, Row const& y, index_t size) {
  using comparison = tabular_comparison<Scalar>;
  typename comparison::vector halves(x.size() / size), group(size);
  for (Eigen::Index g = 0; g < halves.size(); ++g) {
    for (index_t i = 0; i < size; ++i) group(i) = comparison::magnitude(x(g * size + i) - y(g * size + i));
    halves(g) = comparison::sum(group) / Scalar(2);
  }
  return halves;
}

/// Coefficients per response.
template <class Scalar>
void compare_responses(tabular_comparison<Scalar>& c, response_products<Scalar> const& p,
                       response_products<Scalar> const& q) {
  Eigen::Index const T = p.token.rows(), n = p.token.cols();
  c.surrogate = c.residual = tabular_comparison<Scalar>::vector::Constant(n, Scalar(0));
  c.pi = p.before.row(T).transpose();
  c.mu = q.before.row(T).transpose();
  for (Eigen::Index y = 0; y < n; ++y) {
    for (Eigen::Index t = 0; t < T; ++t) {
      Scalar const moved = q.before(t, y) * (p.token(t, y) - q.token(t, y));
      c.surrogate(y) += moved * q.after(t + 1, y);
      c.residual(y) += moved * (q.after(t + 1, y) - p.after(t + 1, y));
    }
  }
}

/// Numbers per prefix.
template <class Scalar>
void compare_prefixes(tabular_comparison<Scalar>& c, tabular_policy<Scalar> const& pi, tabular_policy<Scalar> const& mu,
                      response_products<Scalar> const& p, response_products<Scalar> const& q) {
  index_t const T = mu.length(), V = mu.symbols(), rows = mu.first_row(T);
  using row = typename tabular_policy<Scalar>::matrix;
  c.reached.resize(rows);
  c.divergence.resize(rows);
  c.suffix.resize(rows);
  for (index_t t = 0; t < T; ++t) {
    index_t const size = mu.power(T - t);
    c.suffix.segment(mu.first_row(t), mu.power(t)) = half_magnitudes<Scalar, row>(p.after.row(t), q.after.row(t), size);
    for (index_t s = 0; s < mu.power(t); ++s) c.reached(mu.first_row(t) + s) = q.before(t, s * size);
  }
  for (index_t r = 0; r < rows; ++r) {
    c.divergence(r) = half_magnitudes<Scalar, row>(pi.table().row(r), mu.table().row(r), V)(0);
    for (index_t a = 0; a < V; ++a) {
      bool const new_symbol = mu.table()(r, a) == Scalar(0) && pi.table()(r, a) > Scalar(0);
      if (new_symbol && c.reached(r) > Scalar(0)) c.absolutely_continuous = false;
    }
  }
}

/// Numbers per position.
template <class Scalar>
void compare_positions(tabular_comparison<Scalar>& c, tabular_policy<Scalar> const& mu) {
  index_t const T = mu.length();
  using vector = typename tabular_comparison<Scalar>::vector;
  c.u = c.ell = c.lambda = vector::Constant(T, Scalar(0));
  for (index_t t = 0; t < T; ++t) {
    index_t const first = mu.first_row(t), n = mu.power(t);
    c.u(t) = c.sum(c.reached.segment(first, n).cwiseProduct(c.divergence.segment(first, n)));
    for (index_t r = first; r < first + n; ++r) {
      if (!(c.reached(r) > Scalar(0))) continue;
      if (c.divergence(r) > c.ell(t)) c.ell(t) = c.divergence(r);
      if (t > 0 && c.suffix(r) > c.lambda(t - 1)) c.lambda(t - 1) = c.suffix(r);
    }
  }
}

}  // namespace detail

/// Compares pi with mu by summing over every response. Pre: both check, of the same V and T. Cost: O(T V^T), as memory.
template <class Scalar>
tabular_comparison<Scalar> compare(tabular_policy<Scalar> const& pi, tabular_policy<Scalar> const& mu) {
  tabular_comparison<Scalar> c;
  detail::response_products<Scalar> const p(pi), q(mu);
  detail::compare_responses(c, p, q);
  detail::compare_prefixes(c, pi, mu, p, q);
  detail::compare_positions(c, mu);
  return c;
}

}  // namespace cppo::inline CPPO_ABI::theory
