/// @file
/// Quantities: the inputs, arithmetic on them, and comparisons, which are masks.
#pragma once

#include <cppo/quantity/arithmetic.hpp>
#include <cppo/quantity/called.hpp>
#include <cppo/quantity/comparisons.hpp>
#include <cppo/quantity/hashed.hpp>
#include <cppo/quantity/inputs.hpp>
#include <cppo/quantity/operations.hpp>
#include <cppo/quantity/quantity.hpp>
#include <cppo/quantity/refusals.hpp>
#include <cppo/quantity/refused_operators.hpp>
#include <cppo/quantity/root.hpp>
