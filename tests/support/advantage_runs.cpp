#include "support/advantage_runs.hpp"
#include "support/rule_texts.hpp"

#include <cppo/described_advantage/compute.hpp>
#include <cppo/described_advantage/parse.hpp>
#include <cppo/execution/simd.hpp>

#include <stdexcept>

namespace cppo_test {
namespace {

using namespace cppo;

template <class Rule>
advantage_run run_of(std::string name, bool per_token, Rule const& rule) {
  auto const on = [](int threads, auto const& f) {
    return threads == 0 ? f(seq) : f(simd.with_threads(threads, 1));
  };
  return {
      std::move(name), {}, per_token, levels_of(rule),
      [=](int n, auto const& in, auto const& out) {
        return on(n, [&](auto const& e) { return compute_advantage(e, in, rule, out); });
      },
      [=](int n, auto const& in, auto const& out, auto const& known) {
        return on(n, [&](auto const& e) { return compute_advantage(e, in, rule, out, known); });
      },
      [=](int n, auto const& in, auto const& known, auto& sums) {
        return on(n, [&](auto const& e) { return sum_rewards(e, in, rule, known, sums); });
      }};
}

}  // namespace

advantage_run run_of_text(std::string name, std::string text) {
  parsed_advantage const p = parse_advantage(text);
  if (!p) throw std::invalid_argument(text + ": " + std::string(p.error));
  advantage_run run = run_of(std::move(name), p.rule.is_of_tokens(), p.rule);
  run.text = std::move(text);
  return run;
}

std::vector<advantage_run> const& advantage_runs() {
  static std::vector<advantage_run> const runs{
      run_of("grpo", false, grpo()),
      run_of("dr_grpo", false, dr_grpo()),
      run_of("rloo", false, rloo()),
      run_of("opo", false, opo()),
      run_of("gpg", false, gpg(2.0)),
      run_of("gpg_nonzero", false, gpg_nonzero()),
      run_of("overlong", false, overlong(4, 3, 0.5)),
      run_of("dynamic_sampling", false, dynamic_sampling()),
      run_of("reinforce_pp", true, reinforce_pp(0.9)),
      run_of("reinforce_pp_verl", true, reinforce_pp<whitening::unbiased_plus>()),
      run_of("reinforce_pp_baseline", true, reinforce_pp_baseline()),
      run_of_text("grpo", "grpo"),
      run_of_text("dr_grpo", "dr_grpo"),
      run_of_text("rloo", "rloo"),
      run_of_text("opo", "opo()"),
      run_of_text("gpg", "gpg(2)"),
      run_of_text("gpg_nonzero", "gpg_nonzero"),
      run_of_text("overlong", "overlong(4, 3, 0.5)"),
      run_of_text("dynamic_sampling", "dynamic_sampling"),
      run_of_text("reinforce_pp", "reinforce_pp(0.9)"),
      run_of_text("reinforce_pp_verl", "reinforce_pp(form = unbiased_plus)"),
      run_of_text("reinforce_pp_baseline", "reinforce_pp_baseline"),
  };
  return runs;
}

}  // namespace cppo_test
