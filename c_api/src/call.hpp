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

/// Takes the states of all exchanges from the options.
bool take_folds(call& c, cppo_status& s);

/// Runs the call where its region is compiled for its arithmetic. False if it did not come to a status; then `s` says
/// why.
bool run(call const& c, cppo::report* report, cppo::status& ended, cppo_status& s);

}  // namespace c_api
