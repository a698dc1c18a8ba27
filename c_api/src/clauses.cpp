// What each clause of a region's mask does to a batch, and how it is written.
#include "call.hpp"
#include "name_list.hpp"

#include <cppo/described_rule/clause_counts.hpp>
#include <cppo/described_rule/program_text.hpp>

#include <algorithm>

namespace {

using c_api::word;

/// The region as a rule. `s` says why it is none.
bool take_rule(cppo_region const* region, cppo::described_rule& into, cppo_status& s) {
  c_api::lent_region r;
  if (!c_api::take_region(region, r, s)) return false;
  into = r.is_rule() ? r.rule : cppo::described_rule(r.described);
  if (!r.is_asked() || r.is_rule()) return true;
  return c_api::refuse(s, cppo_bad_argument, cppo::argument::region,
                       word("region has a part that its user wrote: count its clauses by count_clauses in C++"));
}
bool take_call(cppo_batch const* batch, cppo_options const* options, c_api::call& c, cppo_status& s) {
  if (!c_api::take_batch(batch, c.batch, s) || !c_api::take_structure_of_options(options, c.lent_options, s) ||
      !c_api::take_options(c.lent_options, c.options, s)) {
    return false;
  }
  if (c.lent_options.carries != nullptr || c.lent_options.totals != nullptr || c.lent_options.folds != nullptr) {
    return c_api::refuse(s, cppo_bad_argument, cppo::argument::options,
                         word("options have carries, totals or states of folds, but clauses are counted over whole "
                              "responses of one batch: leave them null"));
  }
  cppo::status const shape = c.batch.shape.check();
  return shape.ok() || c_api::take(shape, s);
}
/// Asks all clauses by calls of the library. False if one wrote nothing; `s` is the status in either case.
bool ask(c_api::call& c, cppo::detail::rule_votes& votes, cppo_status& s) {
  bool ran = true;
  auto const call = [&](cppo::described_rule const& rule, cppo::loss_outputs const& outputs) {
    cppo::status ended;
    c.region.how = c_api::made_as::rule;
    c.region.rule = rule;
    c.outputs = outputs;
    ran = c_api::run(c, nullptr, ended, s);
    return ran ? ended : cppo::status{cppo::status_code::executor_unavailable};
  };
  cppo::status const all = votes.ask_all(static_cast<std::size_t>(c.batch.shape.elements()), call);
  if (ran) c_api::take(all, s);
  return ran && !all.nothing_written();
}

}  // namespace

std::int64_t cppo_count_clauses(cppo_batch const* batch, cppo_region const* region, cppo_options const* options,
                                cppo_clause_count* counts, std::int64_t room, cppo_status* status) {
  std::int64_t n = -1;
  (void)c_api::answered(status, [&](cppo_status& s) {
    c_api::call c;
    cppo::described_rule rule;
    if (room > 0 && !c_api::given(counts, "counts", s)) return;
    if (!take_rule(region, rule, s) || !take_call(batch, options, c, s)) return;
    cppo::detail::rule_votes votes(rule);
    if (!ask(c, votes, s)) return;
    n = 0;
    for (cppo::clause_count const& found : votes.count()) {
      if (n < room) counts[n] = {c_api::name_of(found.kind).data(), found.refused, found.decided};
      ++n;
    }
  });
  return n;
}

std::int64_t cppo_clause_text(cppo_region const* region, std::int64_t i, char* text, std::int64_t room) {
  std::int64_t size = -1;
  (void)c_api::answered(nullptr, [&](cppo_status& s) {
    cppo::described_rule rule;
    if (!take_rule(region, rule, s)) return;
    cppo::detail::rule_program const& of = rule.program();
    std::int64_t k = 0;
    cppo::detail::each_clause(of, of.mask.first + of.mask.size - 1, [&](auto part, auto, bool) {
      if (k++ != i) return;
      cppo::detail::program_text written(of, rule.budget());
      written.part(part);
      cppo::rule_text const clause = written.text();
      size = c_api::copy_text(word(clause), text, room);
    });
  });
  return size;
}
