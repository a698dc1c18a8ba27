#include "input/region_text.hpp"

#include <cppo/described_rule.hpp>

#include <fmt/format.h>

namespace demo {

namespace {

/// The words of a text, in lines of at most 110 columns that begin with `margin`.
std::string folded(std::string_view text, std::string_view margin) {
  std::string all, line(margin);
  while (!text.empty()) {
    std::size_t const end = std::min(text.find(' '), text.size());
    if (line.size() + 1 + end > 110 && line.size() > margin.size()) all += line + "\n", line = margin;
    line += (line.size() > margin.size() ? " " : "") + std::string(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all + line + "\n";
}

}  // namespace

read_text read_region(std::string const& text) {
  if (cppo::parsed_region const region = cppo::parse_region(text)) return {region.region, "", 0};
  cppo::parsed_rule const rule = cppo::parse_rule(text);
  return {rule.rule, rule.error.c_str(), rule.column};
}

std::string text_of(dispatch::region_or_rule const& region) {
  return std::visit([](auto const& r) {
    auto const text = to_text(r);
    return std::string(std::string_view(text));
  }, region);
}

std::string named_regions() {
  std::string all;
  cppo::each_named_rule([&all](std::string_view text, std::string_view parameters) {
    read_text const with_defaults = read_region(std::string(text));
    all += fmt::format("  {}{}\n", text, parameters.empty() ? "" : fmt::format("({})", parameters));
    if (with_defaults.error.empty()) all += folded(text_of(with_defaults.region), "      ");
  });
  return all;
}

}  // namespace demo
