// From logits to their gradient: log-probs on the build for this machine, the call on them wherever its region is
// compiled, and the way back.
#include "call.hpp"
#include "logit_batch.hpp"
#include "report.hpp"

#include <memory>
#include <span>
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
  c_api::lent_tensors of_rows;    ///< the gradient of logits, their log-probs and entropies, if they are asked for
  std::vector<cppo_lent> others;  ///< all other outputs
  double entropy_bonus = 0.0;

  bool writes_gradient() const noexcept { return of_rows.has(cppo_out_logits_gradient); }
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

/// An output that is of the logits, and not of the call on their log-probs.
struct row_output {
  std::int32_t id;
  argument where;
  char const* name;
};
constexpr row_output row_outputs[] = {{cppo_out_logits_gradient, argument::logits, "logits_gradient"},
                                      {cppo_out_log_prob, argument::log_prob, "log_prob"},
                                      {cppo_out_entropy, argument::entropy, "entropy"}};

/// Takes what is of the logits from the outputs, and leaves all others.
bool split_outputs(cppo_outputs const* from, logit_call& c, cppo_outputs& others, cppo_status& s) {
  if (!c_api::take_structure(from, "outputs", others, s)) return false;
  if (!c_api::check_count(others.tensors, others.tensor_count, "outputs->tensor_count", s)) return false;
  constexpr c_api::id_set written =
      c_api::set_of({cppo_out_logits_gradient, cppo_out_log_prob, cppo_out_entropy});
  for (std::int64_t i = 0; i < others.tensor_count; ++i) {
    cppo_lent const& l = others.tensors[i];
    if (l.id == cppo_out_gradient) {
      return refuse(s, cppo_bad_argument, argument::gradient,
                    word("gradient is that of log-probs: lend logits_gradient (cppo_out_logits_gradient, 84)"));
    }
    if (c_api::find_id(row_outputs, l.id) == nullptr) c.others.push_back(l);
    else if (!c_api::take_row_output(l, written, c.of_rows, s)) return false;
  }
  others.tensors = c.others.data();
  others.tensor_count = static_cast<std::int64_t>(c.others.size());
  return true;
}
bool check_memory(cppo_batch const& batch, cppo_logits const& logits, logit_call const& c, cppo_status& s) noexcept {
  auto const apart = [&](c_api::lent_memory const& m, argument where, c_api::lent_to_be how) {
    return c_api::is_apart_from_call(m, where, how, batch, c.loss.lent_outputs, c.loss.lent_options, s);
  };
  c_api::lent_memory all[1 + std::size(row_outputs)] = {{"logits", c_api::memory_of(logits.rows)}};
  std::size_t n = 1;
  if (!apart(all[0], argument::logits, c_api::lent_to_be::read)) return false;
  for (row_output const& o : row_outputs) {
    if (!c.of_rows.has(o.id)) continue;
    c_api::lent_memory const& mine = all[n] = {o.name, c_api::memory_of(c.of_rows[o.id])};
    bool const in_place = o.id == cppo_out_logits_gradient;  // or so it may be: the gradient's own checks say
    if (!apart(mine, o.where, c_api::lent_to_be::written)) return false;
    if (!in_place && !c_api::is_apart(mine, o.where, {all, n}, s)) return false;
    ++n;
  }
  return true;
}
/// Takes the bonus from the options, and leaves all others.
bool split_options(cppo_options const* from, logit_call& c, cppo_options& others, cppo_status& s) noexcept {
  if (!c_api::take_structure_of_options(from, others, s)) return false;
  c.entropy_bonus = others.entropy_bonus;
  others.entropy_bonus = 0.0;
  others.size = sizeof others;
  return true;
}
bool take_call(cppo_batch const* batch, cppo_logits const* logits, cppo_region const* region,
               cppo_outputs const* outputs, cppo_options const* options, logit_call& c, cppo_status& s) {
  cppo_outputs others;
  cppo_options loss_options;
  if (!split_outputs(outputs, c, others, s) || !split_options(options, c, loss_options, s) ||
      !c_api::take_logits(logits, "logits", c.logits, s) ||
      !c_api::take_call(batch, region, &others, &loss_options, c.loss, s, c_api::log_prob_is::computed) ||
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
  steps(logit_call& c, cppo_region const* region)
      : call_(c), rows_(c.rows()), use_(use_of(c, region)), slots_(c.of_rows.output(cppo_out_log_prob),
                                                                   c.of_rows.output(cppo_out_entropy)),
        kinds_(rows_), memory_(std::make_unique<unsigned char[]>(place_numbers(nullptr))) {
    (void)place_numbers(memory_.get());
    c_api::lent_batch& b = c.loss.batch;
    cppo::loss_outputs& out = c.loss.outputs;
    lend(own_.log_prob, argument::log_prob);
    if (use_.by_region) lend(own_.entropy, argument::entropy);
    b.lists.log_prob = cppo::detail::make_buffer(own_.listed);
    out.gradient = own_.slope;
    if (use_.bonus != 0.0 && out.trace.decision.source().rank == 0) out.trace.decision = own_.decisions;
    arguments_.log_probs = {.log_prob = own_.log_prob, .log_sum_exp = own_.log_sum_exp};
    if (!own_.listed.empty()) arguments_.log_probs.listed_log_prob = own_.listed;
    if (!own_.entropy.empty()) arguments_.log_probs.entropy = own_.entropy;
    arguments_.slopes = {.slope = own_.slope, .log_sum_exp = own_.log_sum_exp};
    if (use_.bonus != 0.0) {
      arguments_.slopes.entropy = own_.entropy;
      arguments_.slopes.entropy_slopes = own_.entropy_slope;
    }
    arguments_.gradient = c.of_rows.output(cppo_out_logits_gradient);
    arguments_.kinds.first = kinds_.data();
  }
  steps(steps const&) = delete;
  steps& operator=(steps const&) = delete;

  /// Checks what the logits alone need, before anything is written.
  cppo::status check() noexcept {
    cppo::detail::gradient_call gradient(rows_);
    cppo::status s = cppo::detail::check_entropy_bonus(use_.bonus);
    if (s.ok() && call_.writes_gradient()) s = gradient.take(arguments_.slopes, arguments_.gradient);
    return s.ok() ? slots_.place_in(call_.loss.batch.shape) : s;
  }
  /// True if it came to a status.
  bool run(cppo::report* report, cppo::status& ended, cppo_status& s) {
    if (!on_rows(c_api::row_call::log_probs, ended, s)) return false;
    if (!ended.ok()) return true;
    if (!c_api::run(call_.loss, report, ended, s)) return false;
    if (ended.where == argument::log_prob && ended.name == nullptr) ended.name = "log_prob of the logits";
    if (ended.nothing_written()) return true;
    write_slots(report);
    cppo::status back;
    return !call_.writes_gradient() || on_rows(c_api::row_call::gradient, back, s);
  }

 private:
  static cppo::detail::entropy_use use_of(logit_call const& c, cppo_region const* region) noexcept {
    bool const reads_entropy = (cppo_region_reads(region) >> cppo_entropy & 1U) != 0;
    return {.by_region = reads_entropy && !c.loss.batch.lent[place_of(argument::entropy)],
            .asked = c.of_rows.has(cppo_out_entropy), .bonus = c.entropy_bonus};
  }
  /// Places the numbers from `base` on. Returns the bytes that they take.
  std::size_t place_numbers(void* base) noexcept {
    c_api::lent_batch const& b = call_.loss.batch;
    return own_.place(base, b.shape.elements(), b.lent[place_of(argument::top_k)] ? b.lists.k : 0, use_);
  }
  /// Adds the bonus, and writes log-probs and entropies.
  void write_slots(cppo::report* report) noexcept {
    c_api::call const& c = call_.loss;
    if (use_.bonus != 0.0) {
      cppo::detail::add_entropy_bonus(use_.bonus, c.batch.shape, c.outputs, c.options, report, own_.entropy.data(),
                                      own_.entropy_slope.data());
    }
    slots_.write(c.batch.shape, own_.log_prob.data(), own_.entropy.data());
  }
  template <class T>
  void lend(std::span<T> x, argument which) noexcept {
    call_.loss.batch.of[place_of(which)] = cppo::detail::make_buffer(x);
    call_.loss.batch.lent[place_of(which)] = true;
  }
  bool on_rows(c_api::row_call what, cppo::status& ended, cppo_status& s) const {
    return c_api::run_on_rows(call_.how(), what, rows_, arguments_, ended, s);
  }

  logit_call& call_;
  cppo::logit_batch_view rows_;
  cppo::detail::entropy_use use_;
  cppo::detail::slot_outputs slots_;
  cppo::detail::row_kinds kinds_;  // before the first output is written: memory may run out
  cppo::detail::slot_numbers<Real> own_;
  std::unique_ptr<unsigned char[]> memory_;  // of the numbers
  c_api::row_arguments arguments_;
};

template <class Real>
void run(logit_call& c, cppo_region const* region, cppo_status& s) {
  steps<Real> all(c, region);
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
