#include "rule.hpp"

#include <cppo/described/divergence.hpp>

#include <iterator>

namespace {

using rules::batch_view;

/// f(more, ...): the optional inputs that are lent, by their names.
template <class Real, class F>
batch_view with_lent(bench_inputs const& in, F const& f) {
  auto const numbers = [](void const* p) { return static_cast<Real const*>(p); };
  if (in.k > 0) {
    return f(cppo::token_id(in.sampled), cppo::top_k(static_cast<cppo::index_t>(in.k), in.ids,
                                                     numbers(in.list_log_prob), numbers(in.list_rollout_log_prob)));
  }
  if (in.entropy != nullptr) return f(cppo::entropy(numbers(in.entropy)));
  if (in.reference_log_prob != nullptr) return f(cppo::reference_log_prob(numbers(in.reference_log_prob)));
  return in.divergence != nullptr ? f(cppo::divergence_values(numbers(in.divergence))) : f();
}

template <class Real>
batch_view batch_of(bench_inputs const& in) {
  using namespace cppo;
  layout const shape = in.cu_seqlens != nullptr
                           ? packed(in.cu_seqlens, static_cast<index_t>(in.responses))
                           : padded(static_cast<index_t>(in.responses), static_cast<index_t>(in.width));
  return with_lent<Real>(in, [&](auto const&... lent) -> batch_view {
    auto const whole = [&](auto const&... mask) -> batch_view {
      return rollout_batch(shape, log_prob(static_cast<Real const*>(in.log_prob)),
                           rollout_log_prob(static_cast<Real const*>(in.rollout_log_prob)),
                           advantage(static_cast<Real const*>(in.advantage)), lent..., mask...);
    };
    return in.response_mask != nullptr ? whole(response_mask(in.response_mask)) : whole();
  });
}

rules::rows const& all() {
  static rules::rows const rows = [] {
    rules::rows r;
    for (auto const& part : {rules::of_binary_tv(), rules::of_binary_kl(), rules::of_top_k(), rules::of_top_k_forms(),
                             rules::of_single_samples(), rules::of_lent_divergences(), rules::of_cppo_regions(),
                             rules::of_other_regions(), rules::of_one_token(), rules::of_responses(),
                             rules::of_scans(), rules::of_batches()})
      r.insert(r.end(), part.begin(), part.end());
    return r;
  }();
  return rows;
}

}  // namespace

bench_rule_info const* bench_rule_at(std::int32_t rule) {
  auto const at = static_cast<std::size_t>(rule);
  return at < all().size() ? &all()[at].info : nullptr;
}

std::int32_t bench_run_rule(std::int32_t rule, bench_inputs const* in, bench_outputs const* o, bench_outcome* outcome) {
  rules::rule const& r = all()[static_cast<std::size_t>(rule)];
  batch_view const batch = in->element == bench_bfloat16 ? batch_of<cppo::bfloat16>(*in) : batch_of<float>(*in);
  return r.run(r.info, batch, in->normalizer, *o, *outcome);
}

char const* bench_divergence_name(std::int32_t i) {
  auto const& names = cppo::divergence_names();
  return i >= 0 && i < static_cast<std::int32_t>(std::size(names)) ? names[i].data() : nullptr;
}
