/// @file
/// Every region, and the presets.
#pragma once

#include <cppo/region/cppo.hpp>
#include <cppo/region/dppo.hpp>
#include <cppo/region/parts.hpp>
#include <cppo/region/ppo.hpp>
#include <cppo/region/presets.hpp>
#include <cppo/region/refused_operators.hpp>
#include <cppo/region/reporting.hpp>
#include <cppo/region/softened.hpp>
#include <cppo/region/trm.hpp>
#include <cppo/region/trust_region.hpp>
