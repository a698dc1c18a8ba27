// Regions and rules as the user writes them.
#pragma once

#include <dispatch.hpp>

#include <string>

namespace demo {

/// A text, read: what it makes, or what is wrong with it.
struct read_text {
  dispatch::region_or_rule region;
  std::string error;         ///< empty where the text is right
  cppo::index_t column = 0;  ///< the column that the error names, from 1
};

/// Reads a region or a rule, as C++ or JSON. What a region can say is a region, which runs faster.
read_text read_region(std::string const& text);
/// The expression that makes it; empty where no text does.
std::string text_of(dispatch::region_or_rule const& region);
/// Every region and rule that has a name, with its parameters and with what its defaults make.
std::string named_regions();

}  // namespace demo
