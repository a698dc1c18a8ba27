/// @file
/// From logits to log-probs, and to their gradient, or that of a linear head: batches of logits and the calls. Not part
/// of <cppo/cppo.hpp>.
#pragma once

#include <cppo/logits/batch.hpp>
#include <cppo/logits/block_call.hpp>
#include <cppo/logits/block_divergence.hpp>
#include <cppo/logits/block_gradient.hpp>
#include <cppo/logits/block_pass.hpp>
#include <cppo/logits/block_tile.hpp>
#include <cppo/logits/decided_rows.hpp>
#include <cppo/logits/divergence.hpp>
#include <cppo/logits/entropy_bonus.hpp>
#include <cppo/logits/found_logits.hpp>
#include <cppo/logits/gradient.hpp>
#include <cppo/logits/head_loss.hpp>
#include <cppo/logits/largest.hpp>
#include <cppo/logits/log_probs.hpp>
#include <cppo/logits/memory.hpp>
#include <cppo/logits/outputs.hpp>
#include <cppo/logits/over_rows.hpp>
#include <cppo/logits/policy_loss.hpp>
#include <cppo/logits/refused.hpp>
#include <cppo/logits/refused_losses.hpp>
#include <cppo/logits/rollout.hpp>
#include <cppo/logits/row_divergence.hpp>
#include <cppo/logits/row_gradient.hpp>
#include <cppo/logits/row_pass.hpp>
#include <cppo/logits/rows.hpp>
#include <cppo/logits/slab.hpp>
#include <cppo/logits/slab_pass.hpp>
#include <cppo/logits/slot_columns.hpp>
#include <cppo/logits/slot_outputs.hpp>
#include <cppo/logits/terms.hpp>
#include <cppo/logits/tokens.hpp>
