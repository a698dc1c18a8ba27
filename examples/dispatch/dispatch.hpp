// One program for many machines: the library's call, compiled once for each instruction set and chosen when it runs.
//
// Whoever includes the library compiles it for the processor that the flags name. A program that is to run on others too
// compiles executor.cpp several times instead, each time into a shared library that shows two functions: what the
// compiler makes for one processor, of the standard library too, stays apart from what it makes for another. Results
// have the same bits on all.
#pragma once

#include <cppo/cppo.hpp>

#include <span>
#include <string_view>

namespace dispatch {

struct crossing;

/// The call as it was compiled for one instruction set.
struct build {
  std::string_view instruction_set;  ///< as compilers name it
  bool runs_here = false;            ///< does this machine have it?
  int (*lanes)() = nullptr;          ///< floats in a register of `simd`
  void (*call)(crossing const&) = nullptr;
};

/// What there is, least first.
std::span<build const> builds();
/// The last of them that runs here.
build const& best_build();

enum class executor { seq, simd };

/// `cppo::policy_loss` under the trust region that `config` names; bad_parameter, of the region, if it names none.
/// `by`: one that runs here.
cppo::status policy_loss(executor on, cppo::rollout_batch_view<float> const& batch, cppo::region_config const& config,
                         cppo::loss_outputs const& outputs, cppo::loss_options const& options = {},
                         build const& by = best_build());

}  // namespace dispatch
