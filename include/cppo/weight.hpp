/// @file
/// Every weight schedule.
#pragma once

#include <cppo/weight/linear.hpp>
#include <cppo/weight/permuted.hpp>
#include <cppo/weight/reversed.hpp>
#include <cppo/weight/uniform.hpp>
