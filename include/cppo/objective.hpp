/// @file
/// Surrogate, aggregation and report.
#pragma once

#include <cppo/objective/aggregation.hpp>
#include <cppo/objective/options.hpp>
#include <cppo/objective/outputs.hpp>
#include <cppo/objective/report.hpp>
#include <cppo/objective/surrogate.hpp>
#include <cppo/objective/token_counts.hpp>
