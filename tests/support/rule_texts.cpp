#include "support/rule_texts.hpp"

#include <cppo/described_rule/names.hpp>

namespace cppo {

template parsed_rule parse_rule<detail::rule_draft>(std::string_view, std::span<double const>) noexcept;
template rule_text to_text<detail::rule_draft>(described_rule const&) noexcept;
template parsed_advantage parse_advantage<detail::rule_draft>(std::string_view, std::span<double const>) noexcept;
template rule_text to_text<detail::rule_draft>(described_advantage const&) noexcept;

}  // namespace cppo

namespace cppo_test {

cppo::detail::vocabulary rule_words() { return cppo::detail::rule_vocabulary(); }
cppo::detail::vocabulary advantage_words() { return cppo::detail::advantage_vocabulary(); }
std::vector<std::pair<std::string, std::string>> named_rules() {
  std::vector<std::pair<std::string, std::string>> all;
  cppo::each_named_rule([&](std::string_view text, std::string_view of) { all.emplace_back(text, of); });
  return all;
}

}  // namespace cppo_test
