/// @file
/// Regions as data: read from text or JSON, made of a region written out, and written as text.
#pragma once

#include <cppo/described/budget.hpp>
#include <cppo/described/builder.hpp>
#include <cppo/described/divergence.hpp>
#include <cppo/described/expression.hpp>
#include <cppo/described/gate.hpp>
#include <cppo/described/json.hpp>
#include <cppo/described/mask.hpp>
#include <cppo/described/nearest.hpp>
#include <cppo/described/parse.hpp>
#include <cppo/described/region.hpp>
#include <cppo/described/shapes.hpp>
#include <cppo/described/steps.hpp>
#include <cppo/described/syntax.hpp>
#include <cppo/described/table.hpp>
#include <cppo/described/to_text.hpp>
#include <cppo/described/weight.hpp>
#include <cppo/described/written.hpp>
