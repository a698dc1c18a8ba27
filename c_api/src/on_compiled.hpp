// The way from the library to a compiled region.
#pragma once

#include "batch.hpp"
#include "layout_tag.hpp"
#include "region.hpp"
#include "rule.hpp"

namespace c_api {

/// What is the same for all that a compiled region is asked for.
inline errand errand_of(lent_region const& region, cppo::loss_options const& options, cppo::status& ended) noexcept {
  return {{layout_tag(), 1, nullptr, region.bytes(), nullptr, &options, nullptr, &ended}};
}
/// True if the call came to a status. If not, `s` says why.
inline bool came_to_status(int ended, char const* file, cppo_status& s) noexcept {
  auto const how = static_cast<ending>(ended);
  if (how == ending::no_memory) return out_of_memory(s);
  if (how == ending::other_version) {
    return refuse(s, cppo_bad_argument, cppo::argument::none, word("the file for "), word(file),
                  word(" is of another version than libcppo_c: install or compile both together"));
  }
  return how == ending::done || failed(s);
}
/// Asks a compiled region, over a batch in its arithmetic if there is one. True if it came to a status.
/// @{
using question = int (*compiled_region::*)(errand const&) noexcept;
inline bool ask(lent_region const& region, question what, errand const& e, cppo_status& s) noexcept {
  compiled_region const& by = region.is_rule() ? rule_object() : *region.compiled.by;
  return came_to_status((by.*what)(e), "this region", s);
}
inline bool ask(lent_region const& region, question what, lent_batch const& batch, errand& e, cppo_status& s) noexcept {
  e.in_double = batch.in_double;
  return batch.visit([&](auto const& view) {
    e.batch = &view;
    return ask(region, what, e, s);
  });
}
/// @}

}  // namespace c_api
