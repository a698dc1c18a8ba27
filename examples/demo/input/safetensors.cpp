#include "input/array_bytes.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <simdjson.h>

namespace demo {

namespace {

/// A list of whole numbers, none of them negative.
std::vector<std::size_t> counts(std::string const& place, simdjson::dom::object about, std::string_view key) {
  simdjson::dom::array items;
  std::vector<std::size_t> values;
  bool good = about.at_key(key).get(items) == simdjson::SUCCESS;
  for (std::size_t i = 0; good && i < items.size(); ++i) {
    std::uint64_t value = 0;
    good = items.at(i).get(value) == simdjson::SUCCESS;
    values.push_back(static_cast<std::size_t>(value));
  }
  if (!good) throw input_error(fmt::format("{} lacks \"{}\" of whole numbers: the file is damaged", place, key));
  return values;
}

number_array tensor(std::string const& place, simdjson::dom::object about, std::string_view data) {
  std::string_view name;
  if (about.at_key("dtype").get(name) != simdjson::SUCCESS) name = "none";
  auto const types = element_types();
  auto const type =
      std::find_if(types.begin(), types.end(), [&](element_type const& t) { return t.safetensors == name; });
  if (type == types.end()) {
    throw input_error(place + " must hold F64, F32, F16, BF16, whole numbers or BOOL: convert it");
  }
  std::vector<std::size_t> const ends = counts(place, about, "data_offsets");
  if (ends.size() != 2 || ends[0] > ends[1] || ends[1] > data.size()) {
    throw input_error(place + " has data_offsets outside of the file, which is cut off or damaged");
  }
  return decoded(place, *type, counts(place, about, "shape"), data.substr(ends[0], ends[1] - ends[0]));
}

}  // namespace

number_arrays read_safetensors(std::string const& path, std::span<std::string_view const> names) {
  std::string const bytes = bytes_of(path);
  std::size_t const length =
      bytes.size() < 8 ? bytes.size() : static_cast<std::size_t>(whole_number(bytes, 0, 8));
  if (bytes.size() < 8 || length > bytes.size() - 8) {
    throw input_error(fmt::format("{}: not a whole safetensors file: its header would be {} bytes", path, length));
  }
  simdjson::dom::parser parser;
  simdjson::dom::object header;
  if (parser.parse(bytes.data() + 8, length, true).get(header) != simdjson::SUCCESS) {
    throw input_error(fmt::format("{}: not a safetensors file: its header is no JSON object", path));
  }
  number_arrays arrays;
  for (std::string_view const name : names) {
    simdjson::dom::object about;
    if (header.at_key(name).get(about) != simdjson::SUCCESS) continue;
    std::string const place = fmt::format("{}: \"{}\"", path, name);
    arrays.emplace(name, tensor(place, about, std::string_view(bytes).substr(8 + length)));
  }
  return arrays;
}

}  // namespace demo
