/// @file
/// Every mask and the combinators.
#pragma once

#include <cppo/mask/combinators.hpp>
#include <cppo/mask/divergence_within.hpp>
#include <cppo/mask/leaves.hpp>
#include <cppo/mask/prefix_budget.hpp>
#include <cppo/mask/ratio_within.hpp>
#include <cppo/mask/refused_operators.hpp>
#include <cppo/mask/response_within.hpp>
#include <cppo/mask/toward_rollout.hpp>
