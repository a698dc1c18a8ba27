/// @file
/// Every divergence.
#pragma once

#include <cppo/divergence/binary.hpp>
#include <cppo/divergence/cell.hpp>
#include <cppo/divergence/none.hpp>
#include <cppo/divergence/precomputed.hpp>
#include <cppo/divergence/reported.hpp>
#include <cppo/divergence/single_sample.hpp>
#include <cppo/divergence/top_k.hpp>
