/// @file
/// From logits to log-probs. Not part of <cppo/cppo.hpp>.
#pragma once

#include <cppo/logits/rows.hpp>
