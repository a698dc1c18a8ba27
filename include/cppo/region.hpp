/// @file
/// Every region, and the presets.
#pragma once

#include <cppo/region/batch_rules.hpp>
#include <cppo/region/clipped.hpp>
#include <cppo/region/correction.hpp>
#include <cppo/region/cppo.hpp>
#include <cppo/region/dppo.hpp>
#include <cppo/region/objective.hpp>
#include <cppo/region/parts.hpp>
#include <cppo/region/ppo.hpp>
#include <cppo/region/presets.hpp>
#include <cppo/region/reporting.hpp>
#include <cppo/region/response_rules.hpp>
#include <cppo/region/scan_rules.hpp>
#include <cppo/region/score.hpp>
#include <cppo/region/smooth.hpp>
#include <cppo/region/trm.hpp>
#include <cppo/region/truly_ppo.hpp>
#include <cppo/region/trust_region.hpp>
