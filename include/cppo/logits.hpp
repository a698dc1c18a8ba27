/// @file
/// From logits to log-probs: the batch of logits and the call. Not part of <cppo/cppo.hpp>.
#pragma once

#include <cppo/logits/batch.hpp>
#include <cppo/logits/found_logits.hpp>
#include <cppo/logits/largest.hpp>
#include <cppo/logits/log_probs.hpp>
#include <cppo/logits/outputs.hpp>
#include <cppo/logits/over_rows.hpp>
#include <cppo/logits/refused.hpp>
#include <cppo/logits/row_pass.hpp>
#include <cppo/logits/rows.hpp>
#include <cppo/logits/terms.hpp>
