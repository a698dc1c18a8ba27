/// @file
/// The name that was probably meant.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/table.hpp>

#include <algorithm>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Finds among names the nearest one to a word, by the number of characters to insert, to remove or to change.
class nearest_name {
 public:
  explicit nearest_name(std::string_view word) noexcept
      : word_(word), distance_(word.size() <= longest ? static_cast<int>(word.size()) / 3 + 1 : 0) {}
  /// Offers a name.
  void offer(std::string_view name) noexcept {
    if (name.size() > longest || distance_ == 0) return;
    std::string_view const alone = name.substr(name.rfind(':') + 1);  // moe_base of presets::moe_base
    int const d = std::min(distance_to(name), distance_to(alone));
    if (d >= distance_) return;
    distance_ = d;
    found_ = name;
  }
  /// The nearest; empty if none is near: a third of the word's characters may be wrong.
  std::string_view found() const noexcept { return found_; }

 private:
  static constexpr std::size_t longest = 40;
  int distance_to(std::string_view name) const noexcept {
    int row[longest + 1];  // distances of the word's first characters so far to each beginning of the name
    for (std::size_t j = 0; j <= name.size(); ++j) row[j] = static_cast<int>(j);
    for (std::size_t i = 0; i < word_.size(); ++i) {
      int diagonal = row[0]++;
      for (std::size_t j = 0; j < name.size(); ++j) {
        int const changed = diagonal + (word_[i] == name[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
      }
    }
    return row[name.size()];
  }
  std::string_view word_, found_;
  int distance_;  ///< of what is found, or the first that is too far
};

/// The name of the table that is nearest to a word; empty if none is near.
inline std::string_view name_near(std::string_view word) noexcept {
  nearest_name nearest(word);
  for (part_row const& row : part_rows) nearest.offer(row.name);
  for (std::string_view const name : divergence_names) nearest.offer(name);
  for (mask_step const s : {mask_step::both, mask_step::either, mask_step::negated}) nearest.offer(name_of(s));
  return nearest.found();
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
