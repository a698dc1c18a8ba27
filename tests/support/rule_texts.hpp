// What reads and writes the texts of rules and of advantage rules, compiled once for all units: it takes seconds.
#pragma once

#include <cppo/described_advantage.hpp>
#include <cppo/described_rule.hpp>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cppo {

extern template parsed_rule parse_rule<detail::rule_draft>(std::string_view, std::span<double const>) noexcept;
extern template rule_text to_text<detail::rule_draft>(described_rule const&) noexcept;
extern template parsed_advantage parse_advantage<detail::rule_draft>(std::string_view,
                                                                     std::span<double const>) noexcept;
extern template rule_text to_text<detail::rule_draft>(described_advantage const&) noexcept;

}  // namespace cppo

namespace cppo_test {

/// What the text of a rule, or of an advantage rule, may name.
/// @{
cppo::detail::vocabulary rule_words();
cppo::detail::vocabulary advantage_words();
/// @}
/// The text and the parameters of each region and rule with a name.
std::vector<std::pair<std::string, std::string>> named_rules();

}  // namespace cppo_test
