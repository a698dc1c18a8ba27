// One program for many machines: the library's call, compiled for each instruction set and chosen at run time.
//
// Whoever includes the library compiles it for the processor that the flags name. A program that must run on others too
// compiles executor.cpp several times instead, each time into a shared library that exports few functions: so what the
// compiler makes for one processor, standard library included, stays apart from what it makes for another. Results have
// the same bits on all.
#pragma once

#include <cppo/cppo.hpp>
#include <cppo/described.hpp>
#include <cppo/described_rule/rule.hpp>

#include <span>
#include <string_view>
#include <variant>

namespace dispatch {

struct crossing;

/// The call, compiled for one instruction set.
struct build {
  std::string_view instruction_set;  ///< as compilers name it
  bool runs_here = false;            ///< true if this machine has the instruction set
  int (*lanes)() = nullptr;          ///< floats in a register of `simd`
  void (*call)(crossing const&) = nullptr;
  void (*rule_call)(crossing const&) = nullptr;  ///< the same under a rule; null where none is compiled
};

/// All builds, the least instruction set first.
std::span<build const> builds();
/// The last of them that runs on this machine.
build const& best_build();

enum class executor { seq, simd };

/// A trust region whose parts are data, or a rule with losses and folds as data, which takes several times as long:
/// one type each for all, so that a build compiles two calls.
using region_or_rule = std::variant<cppo::described_region, cppo::described_rule>;

/// The last of `all` that runs on this machine and has the call that a region, or a rule, needs: on a machine that is
/// better than the one that compiled, rules go to a lesser build. Null if there is none.
build const* best_of(std::span<build const> all, region_or_rule const& region);

/// `cppo::policy_loss` under a trust region or a rule. `by`: the build to use, which must run on this machine; without
/// it, the best that has the call. Throws std::invalid_argument if there is no call for a rule.
/// @{
cppo::status policy_loss(executor on, cppo::rollout_batch_view<float> const& batch, region_or_rule const& region,
                         cppo::loss_outputs const& outputs, cppo::loss_options const& options = {});
cppo::status policy_loss(executor on, cppo::rollout_batch_view<float> const& batch, region_or_rule const& region,
                         cppo::loss_outputs const& outputs, cppo::loss_options const& options, build const& by);
/// @}

}  // namespace dispatch
