// A number that two files of the library share if what passes between them means the same to both.
#pragma once

#include "crossing.hpp"

#include <cppo/cppo.hpp>
#include <cppo/described.hpp>
#include <cppo/described_rule/rule.hpp>

namespace c_api {

constexpr std::uint64_t layout_tag() noexcept {
  std::uint64_t h = 0x10000U * CPPO_VERSION_MAJOR + 0x100U * CPPO_VERSION_MINOR + CPPO_VERSION_PATCH;
#ifdef _LIBCPP_VERSION
  h ^= 0x80000000U;  // another standard library: its spans may lie otherwise
#endif
  for (std::size_t const size :
       {sizeof(cppo::rollout_batch_view<float>), sizeof(cppo::described_region), sizeof(cppo::described_rule),
        sizeof(cppo::loss_outputs),
        sizeof(cppo::loss_options), sizeof(cppo::report), sizeof(cppo::status), sizeof(cppo::batch_diagnosis),
        sizeof(cppo::response_summary), sizeof(cppo::prefix_sums), sizeof(crossing)}) {
    h = h * 0x100000001b3U + size;
  }
  return h;
}

}  // namespace c_api
