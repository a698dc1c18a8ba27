/// @file
/// Rollout rejection (rs_*): rules that cppo does not ship, written as a user writes them: a divergence and two masks.
#pragma once

#include "calls.hpp"

#include <charconv>

namespace conformance {

/// k1, k2 or k3 of the clamped log ratio.
struct clamped_estimator {
  int which;
  double limit;
  template <class V>
  constexpr V between(V log_p, V log_q) const noexcept {
    V const d = max(min(log_p - log_q, V(limit)), V(-limit));
    if (which == 1) return cppo::k1.between(d, V(0));
    return which == 2 ? cppo::k2.between(d, V(0)) : cppo::k3.between(d, V(0));
  }
};

/// How the tokens of a response become one number; `token`: they do not.
enum class reduction : std::uint8_t { token, mean, max, sum };

/// low <= the statistic of the whole response <= high.
struct response_between {
  static constexpr cppo::needs needed = cppo::needs::response;
  reduction how;
  double low, high;
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const noexcept {
    V x = how == reduction::max ? t.response_max() : t.response_mean();
    if (how == reduction::sum) x = x * V(t.length());
    return (V(low) <= x) & (x <= V(high));
  }
};

/// low <= the token's own value <= high.
struct token_between {
  double low, high;
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const noexcept {
    return (V(low) <= t.divergence()) & (t.divergence() <= V(high));
  }
};

/// What the name of a rule and its threshold say.
struct rejection_rule {
  reduction how;
  int estimator;  // 1, 2, 3
  double limit, low, high;

  static rejection_rule read(std::string const& method, object_reader const& p) {
    double const limit = p.number_or_null("log_ratio_clamp").value_or(cppo::divergence_limit);
    rejection_rule r{reduction::token, method.back() - '0', limit, 0.0, 0.0};
    std::string const by = method.substr(0, method.size() - 2);
    if (by == "rs_seq_mean_") r.how = reduction::mean;
    else if (by == "rs_seq_max_") r.how = reduction::max;
    else if (by == "rs_seq_sum_") r.how = reduction::sum;
    else if (by != "rs_token_") throw unsupported("there is no rule \"" + method + "\" here");
    if (method[method.size() - 2] != 'k' || r.estimator < 1 || r.estimator > 3) {
      throw unsupported("there is no estimator k1, k2 or k3 in \"" + method + "\"");
    }
    std::string const text = p.text("threshold");
    std::size_t const cut = text.find('_');
    bool const interval = cut != std::string::npos;
    if (interval != (r.estimator == 1))
      throw unsupported("k1 takes two bounds on the ratio, k2 and k3 take one threshold");
    r.high = bound(p, interval ? text.substr(cut + 1) : text);
    r.low = interval ? bound(p, text.substr(0, cut)) : -cppo::divergence_limit;
    if (interval) {
      r.low = std::log(r.low);
      r.high = std::log(r.high);
    }
    return r;
  }

 private:
  static double bound(object_reader const& p, std::string const& text) {
    double x = 0.0;
    char const* const end = text.data() + text.size();
    if (auto const [last, error] = std::from_chars(text.data(), end, x);
        error != std::errc{} || last != end || !(x > 0.0)) {
      p.fail("\"threshold\" must hold positive numbers, found \"" + text + "\"");
    }
    return x;
  }
};

/// A rule on one estimator: the mask, and the statistic of each response (of each token under `rs_token_*`).
template <class Real, class Executor>
json run_rejection(Executor const& executor, object_reader const& c, std::string const& method) {
  rejection_rule const rule = rejection_rule::read(method, c.object("params"));
  auto const lent = lent_case<Real>::read(c, false, false);
  caller const calls(executor, lent);
  auto const fields = [&](auto mask) -> json {
    auto const region =
        cppo::trust_region(clamped_estimator{rule.estimator, rule.limit}, cppo::uniform_weight, mask);
    outcome<Real> const o = calls.everything(region);
    if (o.report.max_divergence >= cppo::divergence_limit)
      throw unsupported("divergences of 1000 and more count as 1000");
    if (rule.how == reduction::token) return {{"mask", to_json(o.mask)}, {"seq_stat", to_json(o.divergence)}};
    auto const statistic = [&](cppo::report const& r) {
      if (rule.how == reduction::max) return r.max_divergence;
      return rule.how == reduction::sum ? r.sum_divergence : r.mean_divergence();
    };
    return {{"mask", to_json(o.mask)}, {"seq_stat", to_json(calls.by_response(region, statistic))}};
  };
  if (rule.how == reduction::token) return fields(token_between{rule.low, rule.high});
  return fields(response_between{rule.how, rule.low, rule.high});
}

}  // namespace conformance
