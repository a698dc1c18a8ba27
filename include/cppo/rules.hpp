/// @file
/// Losses of one's own and the rules of the field beside CPPO; with them quantities, folds and surrogates.
#pragma once

#include <cppo/rules/batch_rules.hpp>
#include <cppo/rules/clauses.hpp>
#include <cppo/rules/clipped.hpp>
#include <cppo/rules/correction.hpp>
#include <cppo/rules/fold_pieces.hpp>
#include <cppo/rules/fold_states.hpp>
#include <cppo/rules/folding.hpp>
#include <cppo/rules/micro_batches.hpp>
#include <cppo/rules/objective.hpp>
#include <cppo/rules/parity.hpp>
#include <cppo/rules/response_rules.hpp>
#include <cppo/rules/scan_rules.hpp>
#include <cppo/rules/score.hpp>
#include <cppo/rules/smooth.hpp>
#include <cppo/rules/truly_ppo.hpp>
