/// @file
/// Every policy, the presets and the choice by name.
#pragma once

#include <cppo/policy/cppo_policy.hpp>
#include <cppo/policy/dppo.hpp>
#include <cppo/policy/named.hpp>
#include <cppo/policy/ppo.hpp>
#include <cppo/policy/presets.hpp>
#include <cppo/policy/reporting.hpp>
#include <cppo/policy/trm.hpp>
#include <cppo/policy/trust_region.hpp>
