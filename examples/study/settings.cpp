#include "settings.hpp"

#include "../demo/input/region_text.hpp"
#include "../trainer/input_error.hpp"
#include "../trainer/kernels.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace study {

namespace {

/// Raised when the same settings give other results.
constexpr int format = 2;

std::string escaped(std::string const& text) {
  std::string all;
  for (char const c : text) {
    if (c == '"' || c == '\\') all += '\\';
    all += c == '\n' || c == '\t' ? ' ' : c;
  }
  return all;
}

}  // namespace

chosen_region region_of(std::string const& text) {
  demo::read_text const read = demo::read_region(text);
  if (!read.error.empty()) {
    std::string line = text;
    std::replace_if(line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
    throw trainer::input_error(fmt::format("--region: \n  {}\n  {:>{}}\n{}", line, '^', read.column, read.error));
  }
  std::string const canonical = demo::text_of(read.region);
  return {read.region, canonical.empty() ? text : canonical};
}

std::string as_json(settings const& s, chosen_region const& region) {
  return fmt::format(
      R"({{"format":{},"fused":{},"task":"{}","region":"{}","seed":{},"steps":{},"passes":{},"stale":{},)"
      R"("responses":{},"group":{},"minibatches":{},"learning_rate":{},"lessons":{},"every":{},"evaluated":{}}})",
      format, trainer::kernels::fused(), s.task, escaped(region.text), s.seed, s.steps, s.passes, s.stale, s.responses,
      s.group, s.minibatches, s.learning_rate, s.lessons, s.every, s.evaluated);
}

}  // namespace study
