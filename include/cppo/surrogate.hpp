/// @file
/// Surrogates: the losses that rules on one token have, how they combine, and penalties.
#pragma once

#include <cppo/surrogate/combinators.hpp>
#include <cppo/surrogate/forms.hpp>
#include <cppo/surrogate/kl.hpp>
#include <cppo/surrogate/refusals.hpp>
#include <cppo/surrogate/refused_operators.hpp>
#include <cppo/surrogate/sharing.hpp>
#include <cppo/surrogate/surrogate.hpp>
