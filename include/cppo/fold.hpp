/// @file
/// Statistics, the ranges they are taken over, and how an executor numbers them.
#pragma once

#include <cppo/fold/bins.hpp>
#include <cppo/fold/deviation.hpp>
#include <cppo/fold/fold_state.hpp>
#include <cppo/fold/halving.hpp>
#include <cppo/fold/levels.hpp>
#include <cppo/fold/order.hpp>
#include <cppo/fold/ranges.hpp>
#include <cppo/fold/rows.hpp>
#include <cppo/fold/selection.hpp>
#include <cppo/fold/slots.hpp>
#include <cppo/fold/statistics.hpp>
