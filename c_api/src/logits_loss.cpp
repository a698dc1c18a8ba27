// From logits to their gradient: log-probs on the build for this machine, the call on them wherever its region is
// compiled, and the way back.
#include "call.hpp"
#include "logit_batch.hpp"
#include "report.hpp"

#include <vector>

namespace {

using c_api::refuse;
using c_api::word;
using cppo::argument;
using cppo::detail::place_of;

/// A call on logits whose arguments were taken.
struct logit_call {
  c_api::call loss;
  cppo::logit_rows logits;
  c_api::lent_tensors gradient;   ///< the gradient of logits, if it is asked for
  std::vector<cppo_lent> others;  ///< all other outputs

  bool writes_gradient() const noexcept { return gradient.has(cppo_out_logits_gradient); }
  c_api::row_executor how() const noexcept {
    return {loss.lent_options.executor == cppo_seq, loss.lent_options.threads};
  }
  /// The logits with the ids that were lent.
  cppo::logit_batch_view rows() const noexcept {
    c_api::lent_batch const& b = loss.batch;
    cppo::logit_batch_view view(b.shape, logits);
    view.add(cppo::detail::named_buffer<argument::token_id, std::int64_t>{b.of[place_of(argument::token_id)]});
    if (b.lent[place_of(argument::response_mask)]) {
      view.add(cppo::detail::named_buffer<argument::response_mask, float>{b.of[place_of(argument::response_mask)]});
    }
    if (b.lent[place_of(argument::top_k)]) view.add(cppo::detail::lent_ids{b.lists.k, b.lists.ids});
    return view;
  }
};

/// Takes the gradient of logits from the outputs, and leaves all others.
bool split_outputs(cppo_outputs const* from, logit_call& c, cppo_outputs& others, cppo_status& s) {
  if (!c_api::take_structure(from, "outputs", others, s)) return false;
  if (!c_api::check_count(others.tensors, others.tensor_count, "outputs->tensor_count", s)) return false;
  constexpr c_api::id_set written = c_api::set_of({cppo_out_logits_gradient});
  for (std::int64_t i = 0; i < others.tensor_count; ++i) {
    cppo_lent const& l = others.tensors[i];
    if (l.id == cppo_out_gradient) {
      return refuse(s, cppo_bad_argument, argument::gradient,
                    word("gradient is that of log-probs: lend logits_gradient (cppo_out_logits_gradient, 84)"));
    }
    if (l.id != cppo_out_logits_gradient) c.others.push_back(l);
    else if (!c_api::take_row_output(l, written, c.gradient, s)) return false;
  }
  others.tensors = c.others.data();
  others.tensor_count = static_cast<std::int64_t>(c.others.size());
  return true;
}
bool check_memory(cppo_batch const& batch, cppo_logits const& logits, logit_call const& c, cppo_status& s) noexcept {
  auto const apart = [&](char const* name, cppo_tensor const& t, c_api::lent_to_be how) {
    return c_api::is_apart_from_call({name, c_api::memory_of(t)}, how, batch, c.loss.lent_outputs,
                                     c.loss.lent_options, s);
  };
  return apart("logits", logits.rows, c_api::lent_to_be::read) &&
         (!c.writes_gradient() ||
          apart("logits_gradient", c.gradient[cppo_out_logits_gradient], c_api::lent_to_be::written));
}
bool take_call(cppo_batch const* batch, cppo_logits const* logits, cppo_region const* region,
               cppo_outputs const* outputs, cppo_options const* options, logit_call& c, cppo_status& s) {
  cppo_outputs others;
  if (!split_outputs(outputs, c, others, s) || !c_api::take_logits(logits, "logits", c.logits, s) ||
      !c_api::take_call(batch, region, &others, options, c.loss, s, c_api::log_prob_is::computed) ||
      !check_memory(*batch, *logits, c, s)) {
    return false;
  }
  cppo::status const shapes = c.rows().check();
  return shapes.ok() || c_api::take(shapes, s);
}

/// The call in its arithmetic, with the numbers between logits and gradient.
template <class Real>
class steps {
 public:
  steps(logit_call& c, cppo_region const* region) : call_(c), rows_(c.rows()), kinds_(rows_), own_(made(c, region)) {
    c_api::lent_batch& b = c.loss.batch;
    lend(own_.log_prob, argument::log_prob);
    if (!own_.entropy.empty()) lend(own_.entropy, argument::entropy);
    b.lists.log_prob = cppo::detail::make_buffer(own_.listed);
    c.loss.outputs.gradient = own_.slope;
    arguments_.log_probs = {.log_prob = own_.log_prob, .log_sum_exp = own_.log_sum_exp};
    if (!own_.listed.empty()) arguments_.log_probs.listed_log_prob = own_.listed;
    if (!own_.entropy.empty()) arguments_.log_probs.entropy = own_.entropy;
    arguments_.slopes = {.slope = own_.slope, .log_sum_exp = own_.log_sum_exp};
    arguments_.gradient = c.gradient.output(cppo_out_logits_gradient);
    arguments_.kinds.first = kinds_.data();
  }
  steps(steps const&) = delete;
  steps& operator=(steps const&) = delete;

  /// Checks what the gradient alone needs, before anything is written.
  cppo::status check() const noexcept {
    cppo::detail::gradient_call gradient(rows_);
    return call_.writes_gradient() ? gradient.take(arguments_.slopes, arguments_.gradient) : cppo::status{};
  }
  /// True if it came to a status.
  bool run(cppo::report* report, cppo::status& ended, cppo_status& s) const {
    if (!on_rows(c_api::row_call::log_probs, ended, s)) return false;
    if (!ended.ok()) return true;
    if (!c_api::run(call_.loss, report, ended, s)) return false;
    if (ended.where == argument::log_prob && ended.name == nullptr) ended.name = "log_prob of the logits";
    cppo::status back;
    return ended.nothing_written() || !call_.writes_gradient() || on_rows(c_api::row_call::gradient, back, s);
  }

 private:
  static cppo::detail::slot_numbers<Real> made(logit_call const& c, cppo_region const* region) {
    c_api::lent_batch const& b = c.loss.batch;
    bool const reads_entropy = (cppo_region_reads(region) >> cppo_entropy & 1U) != 0;
    return {static_cast<std::size_t>(b.shape.elements()), b.lent[place_of(argument::top_k)] ? b.lists.k : 0,
            {.by_region = reads_entropy && !b.lent[place_of(argument::entropy)]}};
  }
  template <class T>
  void lend(std::vector<T>& x, argument which) noexcept {
    call_.loss.batch.of[place_of(which)] = cppo::detail::make_buffer(x);
    call_.loss.batch.lent[place_of(which)] = true;
  }
  bool on_rows(c_api::row_call what, cppo::status& ended, cppo_status& s) const {
    return c_api::run_on_rows(call_.how(), what, rows_, arguments_, ended, s);
  }

  logit_call& call_;
  cppo::logit_batch_view rows_;
  cppo::detail::row_kinds kinds_;  // before the first output is written: memory may run out
  cppo::detail::slot_numbers<Real> own_;
  c_api::row_arguments arguments_;
};

template <class Real>
void run(logit_call& c, cppo_region const* region, cppo_status& s) {
  steps<Real> const all(c, region);
  if (cppo::status const lent = all.check(); !lent.ok()) return void(c_api::take(lent, s));
  double* const wanted = c.loss.lent_outputs.report;
  cppo::report report;
  cppo::status ended;
  if (!all.run(wanted != nullptr ? &report : nullptr, ended, s)) return;
  c_api::take(ended, s);
  if (wanted != nullptr && !ended.nothing_written()) c_api::write(report, wanted);
}

}  // namespace

std::int32_t cppo_policy_loss_from_logits(cppo_batch const* batch, cppo_logits const* logits,
                                          cppo_region const* region, cppo_outputs const* outputs,
                                          cppo_options const* options, cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) {
    logit_call c;
    if (!take_call(batch, logits, region, outputs, options, c, s)) return;
    if (c.loss.batch.in_double) run<double>(c, region, s);
    else run<float>(c, region, s);
  });
}
