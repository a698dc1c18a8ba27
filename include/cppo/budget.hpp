/// @file
/// Every budget.
#pragma once

#include <cppo/budget/calibrated.hpp>
#include <cppo/budget/fixed.hpp>
#include <cppo/core/quantile.hpp>
