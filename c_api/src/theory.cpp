// The bounds of theory/.
#include "batch.hpp"
#include "on_compiled.hpp"

#include <cppo_theory.h>

#include <cppo/theory/certificate.hpp>

#include <algorithm>
#include <limits>

namespace {

namespace theory = cppo::theory;
using c_api::refuse;
using c_api::word;

static_assert(CPPO_BOUND_KINDS == theory::bound_kinds);
static_assert(cppo_measured_kl == static_cast<int>(theory::measured::kl));

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::span<double const> lent(double const* x, std::int64_t T) noexcept { return {x, static_cast<std::size_t>(T)}; }
bool there(std::int64_t T, auto const*... arrays) noexcept { return T >= 0 && (... && (arrays != nullptr || T == 0)); }
void put(std::vector<double> const& from, double* into) { std::copy(from.begin(), from.end(), into); }
/// Writes make(), or NaN where there is no memory for it.
void write(std::int64_t T, double* lambda, auto const& make) noexcept {
  try {
    put(make(), lambda);
  } catch (...) {
    std::fill(lambda, lambda + T, not_a_number);
  }
}

bool weigh(cppo_region const* region, std::int64_t T, double* w, cppo_status& s) {
  c_api::lent_region r;
  if (!c_api::take_region(region, r, s) || !c_api::given(w, "w", s)) return false;
  if (T < 0) {
    return refuse(s, cppo_bad_argument, cppo::argument::none, word("T is "), T, word(", but must be 0 or more"));
  }
  if (!r.is_asked()) return put(theory::weights_of(r.described.weight(), T), w), true;
  cppo::status unused;
  cppo::loss_options const none;
  c_api::errand e = c_api::errand_of(r, none, unused);
  e.count = T;
  e.found = w;
  return c_api::ask(r, &c_api::compiled_region::weigh, e, s);
}

/// Where it fails, the outcome of `into` or `s` says why.
bool certify(cppo_batch const* batch, cppo_region const* region, theory::certificate_options const& how,
             theory::certificate_result& into, cppo_status& s) {
  c_api::lent_batch b;
  c_api::lent_region r;
  if (!c_api::take_batch(batch, b, s) || !c_api::take_region(region, r, s)) return false;
  if (r.is_rule()) {
    return refuse(s, cppo_bad_argument, cppo::argument::region,
                  word("region is a rule with comparisons, folds or a loss of its own: the bounds are for a region "
                       "with the loss -A rho M"));
  }
  if (!r.is_asked()) {
    into = b.visit([&](auto const& view) { return theory::certificate(view, r.described, how); });
  } else {
    cppo::loss_options const none;
    c_api::errand e = c_api::errand_of(r, none, into.outcome);
    e.how = &how;
    e.found = &into;
    if (!c_api::ask(r, &c_api::compiled_region::certify, b, e, s)) return false;
  }
  return c_api::take(into.outcome, s);
}
cppo_certificate written(theory::certificate_result const& c) noexcept {
  cppo_certificate w{sizeof(cppo_certificate), c.certifies, static_cast<std::int32_t>(c.tightest), c.responses,
                     c.horizon, c.max_divergence, c.prefix_average, c.terminal_average, {}, c.residual,
                     c.surrogate_gain};
  std::copy(c.bounds, c.bounds + theory::bound_kinds, w.bounds);
  return w;
}

}  // namespace

double cppo_pairs_of_positions(std::int64_t T) { return T < 0 ? not_a_number : theory::pairs_of_positions(T); }
double cppo_classical_residual(std::int64_t T, double epsilon, double xi) {
  return T < 0 ? not_a_number : theory::classical_residual(T, epsilon, xi);
}
double cppo_prefix_residual(std::int64_t T, double ell_max, double delta_b, double xi) {
  return T < 0 ? not_a_number : theory::prefix_residual(T, ell_max, delta_b, xi);
}
double cppo_threshold_residual(std::int64_t T, double delta, double delta_b, double w_min, double xi) {
  return T < 0 ? not_a_number : theory::threshold_residual(T, delta, delta_b, w_min, xi);
}
double cppo_implemented_residual(std::int64_t T, double ell_max, double delta_b, double eta, double w_first,
                                 double xi) {
  return T < 0 ? not_a_number : theory::implemented_residual(T, ell_max, delta_b, eta, w_first, xi);
}
double cppo_terminal_residual(std::int64_t T, double ell_max, double delta_b, double xi) {
  return T < 0 ? not_a_number : theory::terminal_residual(T, ell_max, delta_b, xi);
}
double cppo_pinsker_marginal_residual(std::int64_t T, double kappa, double xi) {
  return T < 0 ? not_a_number : theory::pinsker_marginal_residual(T, kappa, xi);
}
double cppo_mixed_residual(std::int64_t T, double kappa, double kappa_seq, double xi) {
  return T < 0 ? not_a_number : theory::mixed_residual(T, kappa, kappa_seq, xi);
}
double cppo_coupling_residual(std::int64_t T, double epsilon, double xi) {
  return T < 0 ? not_a_number : theory::coupling_residual(T, epsilon, xi);
}

void cppo_suffix_lengths(std::int64_t T, double* lambda) {
  if (there(T, lambda)) write(T, lambda, [T] { return theory::suffix_lengths(T); });
}
void cppo_suffix_sums(double const* ell, std::int64_t T, double* lambda) {
  if (there(T, ell, lambda)) write(T, lambda, [=] { return theory::suffix_sums(lent(ell, T)); });
}
void cppo_suffix_escapes(double const* ell, std::int64_t T, double* lambda) {
  if (there(T, ell, lambda)) write(T, lambda, [=] { return theory::suffix_escapes(lent(ell, T)); });
}
void cppo_suffix_adaptive(std::int64_t T, double epsilon, double kappa, double* lambda) {
  if (there(T, lambda)) write(T, lambda, [=] { return theory::suffix_adaptive(T, epsilon, kappa); });
}
std::int32_t cppo_weights_of(cppo_region const* region, std::int64_t T, double* w, cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) { weigh(region, T, w, s); });
}

double cppo_profile_residual(double const* u, double const* lambda, std::int64_t T, double xi) {
  return there(T, u, lambda) ? theory::profile_residual(lent(u, T), lent(lambda, T), xi) : not_a_number;
}
double cppo_prefix_budget_residual(double const* lambda, double const* w, std::int64_t T, double delta_b, double eta,
                                   double xi) {
  if (!there(T, lambda, w)) return not_a_number;
  return theory::prefix_budget_residual(lent(lambda, T), lent(w, T), delta_b, eta, xi);
}
double cppo_terminal_budget_residual(double const* lambda, double const* w, std::int64_t T, double delta_b,
                                     double xi) {
  if (!there(T, lambda, w)) return not_a_number;
  return theory::terminal_budget_residual(lent(lambda, T), lent(w, T), delta_b, xi);
}
std::int32_t cppo_ratio_falls(double const* lambda, double const* w, std::int64_t T) {
  return there(T, lambda, w) && theory::ratio_falls(lent(lambda, T), lent(w, T)) ? 1 : 0;
}

char const* cppo_bound_name(std::int64_t i) {
  return i >= 0 && i < theory::bound_kinds ? theory::name(static_cast<theory::bound_kind>(i)).data() : nullptr;
}
std::int32_t cppo_certify(cppo_batch const* batch, cppo_region const* region, std::int32_t measured, double xi,
                          cppo_certificate* certificate, cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) {
    cppo_certificate lent;
    if (!c_api::take_structure(certificate, "certificate", lent, s)) return;
    if (measured < cppo_measured_unknown || measured > cppo_measured_kl) {
      refuse(s, cppo_bad_argument, cppo::argument::options, word("measured is "), cppo::index_t{measured},
             word(", but must be from cppo_measured_unknown (0) to cppo_measured_kl (2)"));
      return;
    }
    theory::certificate_result found;
    if (certify(batch, region, {static_cast<theory::measured>(measured), xi}, found, s)) *certificate = written(found);
  });
}
