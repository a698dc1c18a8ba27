// The call: in float on the build for this machine, in double and by the plain definition here; of a compiled region
// where it was compiled.
#include "builds.hpp"
#include "call.hpp"
#include "layout_tag.hpp"
#include "on_compiled.hpp"
#include "report.hpp"

#include <cppo/cppo.hpp>

namespace {

using c_api::call;
using c_api::word;

/// True unless a rule that folds whole responses is called in pieces.
bool check_folds(call const& c, cppo_status& s) noexcept {
  bool const in_pieces = c.lent_options.carries != nullptr || c.lent_options.totals != nullptr;
  if (!in_pieces || !c.region.is_rule() || c.region.rule.values() == 0) return true;
  return c_api::refuse(s, cppo_bad_argument, cppo::argument::region,
                       word("region is a rule, and its folds need whole responses: call without carries and totals, or "
                            "use plan_pieces in C++"));
}

/// The call on the build for this machine, also of a rule. False if it did not come to a status.
bool run_on_build(call const& c, cppo::report* report, cppo::status& ended, cppo_status& s) noexcept {
  c_api::build const* const by = c_api::build_of_call(s);
  if (by == nullptr) return false;
  auto const batch = c.batch.as<float>();
  c_api::crossing const all{c_api::layout_tag(), c.lent_options.threads, &batch, c.region.bytes(),
                            &c.outputs, &c.options, report, &ended, c.region.is_rule(), c.folds};
  return c_api::came_to_status(by->call(all), by->instruction_set, s);
}
/// The call on a region that was compiled by its user, and on a rule.
bool run_on_compiled(call const& c, cppo::report* report, cppo::status& ended, cppo_status& s) noexcept {
  c_api::errand e = c_api::errand_of(c.region, c.options, ended);
  e.threads = c.lent_options.threads;
  e.on_seq = c.lent_options.executor == cppo_seq;
  e.outputs = &c.outputs;
  e.report = report;
  e.folds = c.folds;
  return c_api::ask(c.region, &c_api::compiled_region::call, c.batch, e, s);
}

/// The call here.
cppo::status run_here(call const& c, cppo::report* report) {
  static thread_local cppo::workspace memory;
  cppo::loss_outputs outputs = c.outputs;
  outputs.report = report;
  auto const seq = [&](auto const& batch) {
    return policy_loss(cppo::seq, batch, c.region.described, outputs, c.options);
  };
  if (c.lent_options.executor == cppo_seq) return c.batch.visit(seq);
  auto const how = cppo::simd.with_threads(c.lent_options.threads).with_workspace(memory);
  return policy_loss(how, c.batch.as<double>(), c.region.described, outputs, c.options);
}

}  // namespace

bool c_api::take_call(cppo_batch const* batch, cppo_region const* region, cppo_outputs const* outputs,
                      cppo_options const* options, call& c, cppo_status& s, log_prob_is log_prob) {
  static thread_local piece_memory pieces;
  if (!take_batch(batch, c.batch, s, log_prob) || !take_region(region, c.region, s) ||
      !take_structure(outputs, "outputs", c.lent_outputs, s) ||
      !take_outputs(c.lent_outputs, c.outputs, s) ||
      !take_structure_of_options(options, c.lent_options, s) ||
      !take_options(c.lent_options, c.options, s) || !take_folds(c, s) || !check_folds(c, s) ||
      !check_memory(*batch, c.lent_outputs, c.lent_options, s)) {
    return false;
  }
  if (cppo::status const shape = c.batch.shape.check(); !shape.ok()) return take(shape, s);
  take_pieces(c.lent_options, batch->responses, pieces, c.options);
  return true;
}

bool c_api::run(call const& c, cppo::report* report, cppo::status& ended, cppo_status& s) {
  bool const here = c.batch.in_double || c.lent_options.executor == cppo_seq;
  if (c.region.is_asked() && (here || !c.region.is_rule())) return run_on_compiled(c, report, ended, s);
  if (!here) return run_on_build(c, report, ended, s);
  ended = run_here(c, report);
  return true;
}

std::int32_t cppo_policy_loss(cppo_batch const* batch, cppo_region const* region, cppo_outputs const* outputs,
                              cppo_options const* options, cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) {
    call c;
    if (!c_api::take_call(batch, region, outputs, options, c, s)) return;
    double* const wanted = c.lent_outputs.report;
    cppo::report report;
    cppo::report* const asked = wanted != nullptr ? &report : nullptr;
    cppo::status ended;
    if (!c_api::run(c, asked, ended, s)) return;
    c_api::take(ended, s);
    if (wanted != nullptr && !ended.nothing_written()) c_api::write(report, wanted);
  });
}
