// A call of the C++ library made through the C interface: its batch, outputs and options as the C structures.
#pragma once

#include <cppo.h>

#include <cppo/cppo.hpp>
#include <cppo/described.hpp>
#include <cppo/testing/captured_run.hpp>

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace cppo_test {

using cppo::argument;
using cppo::index_t;

inline cppo_region region_of(std::string const& text) {
  cppo_region region;
  cppo_status s;
  if (cppo_region_parse(text.c_str(), nullptr, 0, &region, &s) != 0) throw std::runtime_error(s.message);
  return region;
}

/// A tensor with the elements of a column or a buffer.
/// @{
inline cppo_tensor tensor_of(cppo::detail::column const& c, cppo::layout const& l) {
  cppo_tensor t{const_cast<void*>(c.data), static_cast<std::int32_t>(c.type), 2, {l.responses(), l.width()},
                {c.response_stride, c.token_stride}};
  if (!l.is_packed()) return t;
  t.rank = 1;
  bool const per_response = c.response_stride != 0;
  t.shape[0] = per_response ? l.responses() : l.elements();
  t.stride[0] = per_response ? c.response_stride : c.token_stride;
  return t;
}
inline cppo_tensor tensor_of(cppo::detail::buffer const& b, index_t rows, index_t columns) {
  cppo_tensor t{const_cast<void*>(b.data), static_cast<std::int32_t>(b.type), 2, {rows, columns}, {columns, 1}};
  if (b.rank < 1) return t;
  t.rank = b.rank;
  for (int r = 0; r < b.rank; ++r) t.shape[r] = b.extents[r], t.stride[r] = b.strides[r];
  return t;
}
/// @}

/// A batch as C structures, which point into this object and into what the batch lends.
class c_batch {
 public:
  template <class Real>
  explicit c_batch(cppo::rollout_batch_view<Real> const& from) {
    cppo::layout const& l = from.shape();
    constexpr std::int32_t ids[] = {0, cppo_log_prob, cppo_rollout_log_prob, cppo_advantage, cppo_response_mask,
                                    cppo_divergence_values, cppo_token_weight, 0, cppo_token_id, cppo_entropy,
                                    cppo_reference_log_prob};
    for (int place = 1; place < cppo::detail::input_places; ++place) {
      argument const which = cppo::detail::input_at(place);
      if (which == argument::top_k || !from.has(which)) continue;
      bool const per_response = l.is_packed() && from[which].response_stride != 0;
      lent.push_back({ids[place], per_response, tensor_of(from[which], l)});
    }
    if (from.has(argument::top_k)) {
      auto const& lists = from.lists();
      lent.push_back({cppo_top_k_ids, 0, tensor_of(lists.ids, l.elements(), lists.k)});
      lent.push_back({cppo_top_k_log_probs, 0, tensor_of(lists.log_prob, l.elements(), lists.k)});
      lent.push_back({cppo_top_k_rollout_log_probs, 0, tensor_of(lists.rollout_log_prob, l.elements(), lists.k)});
      batch.top_k = lists.k;
    }
    batch.size = sizeof batch;
    batch.responses = l.responses();
    batch.width = l.width();
    if (l.clears_rest()) batch.capacity = l.elements();
    if (l.is_packed()) {
      batch.cu_seqlens = {const_cast<void*>(l.offsets()), static_cast<std::int32_t>(l.offset_type()), 1,
                          {l.responses() + 1, 0}, {1, 0}};
    }
  }
  c_batch(c_batch const&) = delete;
  c_batch& operator=(c_batch const&) = delete;

  cppo_batch const* get() {
    batch.inputs = lent.data();
    batch.input_count = static_cast<std::int64_t>(lent.size());
    return &batch;
  }

  cppo_batch batch{};
  std::vector<cppo_lent> lent;
};

/// Outputs as C structures.
class c_outputs {
 public:
  c_outputs(cppo::loss_outputs o, cppo::layout const& l, double* report) {
    cppo::detail::each_output(o, [&](cppo::detail::sink which, cppo::output& out) {
      cppo::detail::buffer const& b = out.source();
      if (b.rank == 0) return;
      index_t const rows = l.is_packed() ? l.elements() : l.responses();
      cppo_tensor t = tensor_of(b, rows, l.is_packed() ? 1 : l.width());
      lent.push_back({cppo_out_loss + static_cast<std::int32_t>(which), 0, t});
    });
    outputs = {sizeof outputs, lent.data(), static_cast<std::int64_t>(lent.size()), report};
  }
  c_outputs(c_outputs const&) = delete;
  c_outputs& operator=(c_outputs const&) = delete;

  cppo_outputs outputs;
  std::vector<cppo_lent> lent;
};

inline cppo_options c_options(cppo::loss_options const& o) {
  cppo_options c;
  cppo_options_init(&c);
  c.aggregate = static_cast<std::int32_t>(o.aggregate);
  c.bad_input = static_cast<std::int32_t>(o.bad_input);
  c.positions = static_cast<std::int32_t>(o.positions);
  c.surrogate = static_cast<std::int32_t>(o.surrogate.form);
  c.horizon = o.horizon;
  c.normalizer = o.normalizer;
  c.log_ratio_clamp = o.surrogate.log_ratio_clamp;
  c.ratio_cap = o.surrogate.ratio_cap;
  c.log_prob_tolerance = o.log_prob_tolerance;
  c.log_prob_floor = o.log_prob_floor;
  return c;
}

/// A report from the numbers of the interface.
inline cppo::report report_of(double const* numbers) {
  cppo::report r;
  auto const take = [&numbers]<class T>(char const*, T& x) { x = static_cast<T>(*numbers++); };
  cppo::report::each_field(take, r);
  r.scaling = {.aggregate = static_cast<cppo::aggregation>(static_cast<int>(numbers[0])), .known = numbers[1] != 0.0,
               .horizon = static_cast<index_t>(numbers[2]), .normalizer = numbers[3]};
  return r;
}

/// An executor for `capture`: the call goes through the C interface, under `region`, whatever region it is handed.
struct through_c {
  cppo_region const& region;
  std::string& message;  ///< the sentence of the last call
  std::int32_t executor = cppo_simd;
  std::int32_t threads = 1;
};

template <class Real, class Region>
cppo::status policy_loss(through_c const& how, cppo::rollout_batch_view<Real> const& batch, Region const&,
                         cppo::loss_outputs const& outputs, cppo::loss_options const& options) {
  double numbers[CPPO_REPORT_ROOM] = {};
  c_batch lent(batch);
  c_outputs const written(outputs, batch.shape(), outputs.report != nullptr ? numbers : nullptr);
  cppo_options o = c_options(options);
  o.executor = how.executor;
  o.threads = how.threads;
  cppo_status s;
  std::int32_t const code = cppo_policy_loss(lent.get(), &how.region, &written.outputs, &o, &s);
  how.message = s.message;
  if (code != s.code) throw std::logic_error("the code is not that of the status");
  if (outputs.report != nullptr && code < 96) *outputs.report = report_of(numbers);
  return {.code = static_cast<cppo::status_code>(s.code), .where = static_cast<argument>(s.where),
          .response = s.response, .token = s.token, .count = s.count};
}

}  // namespace cppo_test
