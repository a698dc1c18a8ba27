/// @file
/// Advantages from rewards: the batch of responses, the rules by name, and the call. Not part of <cppo/cppo.hpp>.
#pragma once

#include <cppo/advantage/asked.hpp>
#include <cppo/advantage/compute.hpp>
#include <cppo/advantage/gae.hpp>
#include <cppo/advantage/gae_rule.hpp>
#include <cppo/advantage/inputs.hpp>
#include <cppo/advantage/item.hpp>
#include <cppo/advantage/refused.hpp>
#include <cppo/advantage/response_batch.hpp>
#include <cppo/advantage/rule_call.hpp>
#include <cppo/advantage/rules.hpp>
#include <cppo/advantage/states.hpp>
