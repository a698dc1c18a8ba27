/// @file
/// Compares two policies by summing over every response, which gives the exact values that bounds are checked against.
///
/// Everything is a sum over the V^T responses, written as products of probabilities without a division, so that a
/// `rational` gives the exact value and an identity either holds or does not. In double, J, L' and Delta are within
/// `tabular_error_bound` of the exact values.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/theory/tabular_policy.hpp>

#include <cmath>

namespace cppo { inline namespace CPPO_ABI { namespace theory {

/// What summing over every response gives for two policies. J, L' and Delta are linear in the reward, so each is kept
/// as one coefficient per response; see `value`.
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
  vector lambda;      ///< [T] largest `suffix` after token t, at a prefix that mu reaches; 0 for t = T
  /// True if pi is in the support of mu: at every prefix that mu reaches, pi gives probability only to symbols to which
  /// mu gives some. If it is not, J(pi) - J(mu) = L' - Delta still holds for these coefficients, but L' and Delta are
  /// no expectations under mu, and no bound holds.
  bool absolutely_continuous = true;

  /// The sum over all responses of coefficient times reward, R [V^T]. It is taken in a tree, so that errors grow with
  /// log(V^T) only.
  Scalar value(vector const& coefficients, vector const& rewards) const {
    return sum(coefficients.cwiseProduct(rewards));
  }
  /// The largest |Delta| over all rewards |R| <= 1: the sum of the magnitudes of `residual`.
  Scalar largest_residual() const {
    vector magnitudes = residual;
    for (Eigen::Index y = 0; y < magnitudes.size(); ++y) magnitudes(y) = magnitude(residual(y));
    return sum(magnitudes);
  }
  /// |x|
  static Scalar magnitude(Scalar x) { return x < Scalar(0) ? Scalar(0) - x : x; }
  /// The sum in a fixed tree: of pairs, of pairs of pairs, and so on.
  static Scalar sum(vector x) {
    for (Eigen::Index n = x.size(); n > 1; n = (n + 1) / 2) {
      for (Eigen::Index i = 0; i < n / 2; ++i) x(i) = x(2 * i) + x(2 * i + 1);
      if (n % 2 != 0) x(n / 2) = x(n - 1);
    }
    return x.size() > 0 ? x(0) : Scalar(0);
  }
};

/// A bound on the error of J, L' and Delta in double, for |R| <= xi and tables of doubles: a coefficient is at most 3 T
/// + 4 roundings from exact, the tree sum adds one rounding per level, and the magnitudes of all terms add up to at
/// most 4 T xi.
inline double tabular_error_bound(index_t symbols, index_t length, double xi = 1.0) noexcept {
  double levels = 0.0;
  for (double n = 1.0, most = std::pow(static_cast<double>(symbols), static_cast<double>(length)); n < most; n *= 2.0) {
    levels += 1.0;
  }
  auto const T = static_cast<double>(length);
  return 4.0 * T * xi * (3.0 * T + levels + 4.0) * 0x1p-53;
}

namespace detail {

/// Products of token probabilities along every response: before(t, y) over its first t tokens, after(t, y) over the
/// rest.
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

/// Half the sum of |x - y| over each group of `size` successive entries: total variations.
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

/// Computes the coefficients per response.
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

/// Computes the numbers per prefix.
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

/// Computes the numbers per position.
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

/// Compares pi with mu by summing over every response. Pre: `check()` is true for both, and they have the same V and T.
/// Cost: O(T V^T), in memory too.
template <class Scalar>
tabular_comparison<Scalar> compare(tabular_policy<Scalar> const& pi, tabular_policy<Scalar> const& mu) {
  tabular_comparison<Scalar> c;
  detail::response_products<Scalar> const p(pi), q(mu);
  detail::compare_responses(c, p, q);
  detail::compare_prefixes(c, pi, mu, p, q);
  detail::compare_positions(c, mu);
  return c;
}

}}}  // namespace cppo::theory

#include <cppo/macros_on.inc>
