// What a struct that a user wrote is to a trust region: which kind of part, and of how many numbers.
#pragma once

#include "crossing.hpp"
#include "number.hpp"

#include <cppo/cppo.hpp>

#include <utility>

namespace c_api {

/// The kinds, in the order in which the Python package has them.
enum class part_kind : int { none, divergence, weight, mask, budget, gate };

template <class Part>
consteval part_kind kind_of() {
  if constexpr (cppo::divergence_score<Part>) return part_kind::divergence;
  else if constexpr (cppo::weight_schedule<Part>) return part_kind::weight;
  else if constexpr (cppo::budget<Part>) return part_kind::budget;
  else if constexpr (cppo::gate<Part>) return part_kind::gate;  // first: its body would be tried on a token
  else if constexpr (cppo::token_mask<Part>) return part_kind::mask;
  else return part_kind::none;
}

template <class Part, std::size_t... I>
consteval bool takes(std::index_sequence<I...>) {
  return requires { Part{(static_cast<void>(I), number{})...}; };
}
/// The most numbers, up to 16, that a part can be made of.
template <class Part>
consteval int members_of() {
  return []<std::size_t... N>(std::index_sequence<N...>) {
    int most = 0;
    ((most = takes<Part>(std::make_index_sequence<N>()) ? static_cast<int>(N) : most), ...);
    return most;
  }(std::make_index_sequence<17>());
}

}  // namespace c_api
