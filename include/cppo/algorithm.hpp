/// @file
/// Every algorithm.
#pragma once

#include <cppo/algorithm/checks.hpp>
#include <cppo/algorithm/diagnose.hpp>
#include <cppo/algorithm/diagnosis_layout.hpp>
#include <cppo/algorithm/diagnosis_statistics.hpp>
#include <cppo/algorithm/diagnosis_sums.hpp>
#include <cppo/algorithm/findings.hpp>
#include <cppo/algorithm/in_pieces.hpp>
#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/algorithm/refused_calls.hpp>
