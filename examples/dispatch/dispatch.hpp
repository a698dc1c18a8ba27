// One program for many machines: the library's call, compiled for each instruction set and chosen at run time.
//
// Whoever includes the library compiles it for the processor that the flags name. A program that must run on others too
// compiles executor.cpp several times instead, each time into a shared library that exports two functions: so what the
// compiler makes for one processor, standard library included, stays apart from what it makes for another. Results have
// the same bits on all.
#pragma once

#include <cppo/cppo.hpp>
#include <cppo/described.hpp>

#include <span>
#include <string_view>

namespace dispatch {

struct crossing;

/// The call, compiled for one instruction set.
struct build {
  std::string_view instruction_set;  ///< as compilers name it
  bool runs_here = false;            ///< true if this machine has the instruction set
  int (*lanes)() = nullptr;          ///< floats in a register of `simd`
  void (*call)(crossing const&) = nullptr;
};

/// All builds, the least instruction set first.
std::span<build const> builds();
/// The last of them that runs on this machine.
build const& best_build();

enum class executor { seq, simd };

/// `cppo::policy_loss` under a trust region whose parts are data: one type for all, so that each build compiles one
/// call. `by`: the build to use, which must run on this machine.
cppo::status policy_loss(executor on, cppo::rollout_batch_view<float> const& batch,
                         cppo::described_region const& region, cppo::loss_outputs const& outputs,
                         cppo::loss_options const& options = {}, build const& by = best_build());

}  // namespace dispatch
