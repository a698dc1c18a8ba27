#include "advantage_cases.hpp"

#include "calls.hpp"
#include "lent_case.hpp"

#include <cppo/advantage.hpp>
#include <cppo/execution/simd.hpp>

#include <functional>

namespace conformance {
namespace {

/// A case with its inputs, as float32 values in double.
struct rewarded_case {
  case_shape shape;
  std::vector<std::uint8_t> mask;
  std::vector<index_t> group;
  std::vector<double> reward;
  advantage_executor where;

  rewarded_case(advantage_executor w, object_reader const& c)
      : shape(case_shape::read(c)),
        mask(c.bits("response_mask", shape.elements())),
        group(c.ids("group", shape.responses)),
        reward(c.object("inputs").numbers<double>("rewards", shape.responses)),
        where(w) {}

  template <class Rule>
  cppo::status compute(Rule const& rule, cppo::advantage_output const& out) const {
    auto const batch = cppo::response_batch(shape.all(), cppo::reward(reward), cppo::group_id(group),
                                            cppo::response_mask(mask));
    if (where == advantage_executor::seq) return cppo::compute_advantage(cppo::seq, batch, rule, out);
    return cppo::compute_advantage(cppo::simd.with_threads(2, 1), batch, rule, out);
  }
  /// What a rule gives, as `field`: of each response or of each slot.
  template <class Rule>
  json of_responses(char const* field, Rule const& rule) const {
    std::vector<double> out(reward.size());
    return answer(field, out, compute(rule, cppo::per_response(out)));
  }
  template <class Rule>
  json of_tokens(Rule const& rule) const {
    std::vector<double> out(mask.size());
    return answer("advantage", out, compute(rule, out));
  }

 private:
  static json answer(char const* field, std::vector<double> const& out, cppo::status const& s) {
    require_ok(s);
    return {{field, to_json(out)}};
  }
};

/// REINFORCE++ by the variance that the case names.
template <class Verl, class Authors>
json whitened_case(rewarded_case const& c, object_reader const& params, Verl const& verl, Authors const& authors) {
  std::string const variance = params.text("variance");
  if (variance == "unbiased_plus_epsilon") return c.of_tokens(verl);
  if (variance == "population_floor_epsilon") return c.of_tokens(authors);
  params.fail("there is no variance \"" + variance + "\"");
}
json reinforce_case(rewarded_case const& c, object_reader const& p, bool baseline) {
  constexpr auto plus = cppo::whitening::unbiased_plus, floor = cppo::whitening::population_floor;
  double const epsilon = p.number("epsilon");
  if (baseline) {
    return whitened_case(c, p, cppo::reinforce_pp_baseline<plus>(epsilon), cppo::reinforce_pp_baseline<floor>(epsilon));
  }
  double const gamma = p.number("gamma");
  return whitened_case(c, p, cppo::reinforce_pp<plus>(gamma, epsilon), cppo::reinforce_pp<floor>(gamma, epsilon));
}
json run_method(rewarded_case const& c, object_reader const& p, std::string const& method) {
  if (method == "grpo") return c.of_responses("advantage_seq", cppo::grpo(p.number("epsilon")));
  if (method == "dr_grpo") return c.of_responses("advantage_seq", cppo::dr_grpo());
  if (method == "rloo") return c.of_responses("advantage_seq", cppo::rloo());
  if (method == "opo") return c.of_responses("advantage_seq", cppo::opo());
  if (method == "gpg") return c.of_responses("advantage_seq", cppo::gpg(p.number("norm")));
  if (method == "gpg_nonzero") return c.of_responses("advantage_seq", cppo::gpg_nonzero(p.number("norm")));
  if (method == "reinforce_pp") return reinforce_case(c, p, false);
  if (method == "reinforce_pp_baseline") return reinforce_case(c, p, true);
  if (method == "dynamic_sampling") return c.of_responses("keep_seq", cppo::dynamic_sampling());
  if (method == "overlong") {
    return c.of_responses("reward_seq",
                          cppo::overlong(p.number("max_length"), p.number("buffer"), p.number("factor")));
  }
  throw unsupported("there is no advantage rule \"" + method + "\" here");
}

}  // namespace

json run_advantage(advantage_executor where, object_reader const& c) {
  object_reader const params = c.object("params");
  return run_method(rewarded_case(where, c), params, params.text("method"));
}

}  // namespace conformance
