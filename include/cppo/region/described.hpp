/// @file
/// Regions as data: built from text, JSON or a region written out, and written as text.
#pragma once

#include <cppo/region/described/budget.hpp>
#include <cppo/region/described/gate.hpp>
#include <cppo/region/described/mask.hpp>
#include <cppo/region/described/parse.hpp>
#include <cppo/region/described/region.hpp>
#include <cppo/region/described/syntax.hpp>
#include <cppo/region/described/table.hpp>
#include <cppo/region/described/to_text.hpp>
#include <cppo/region/described/weight.hpp>
