// A call of the interface whose arguments were taken, and where it runs.
#pragma once

#include "batch.hpp"
#include "options.hpp"
#include "region.hpp"

namespace c_api {

struct call {
  lent_batch batch;
  lent_region region;
  cppo::loss_outputs outputs;
  cppo::loss_options options;
  cppo_outputs lent_outputs;
  cppo_options lent_options;
  lent_folds folds;
};

/// Takes the arguments of a call.
bool take_call(cppo_batch const* batch, cppo_region const* region, cppo_outputs const* outputs,
               cppo_options const* options, call& c, cppo_status& s, log_prob_is log_prob = log_prob_is::lent);
/// Takes the states of all exchanges from the options.
bool take_folds(call& c, cppo_status& s);

/// Runs the call where its region is compiled for its arithmetic. False if it did not come to a status; then `s` says
/// why.
bool run(call const& c, cppo::report* report, cppo::status& ended, cppo_status& s);

}  // namespace c_api
