#include "input/json_lines.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace demo {

namespace {

std::string_view kind_of(simdjson::dom::element e) {
  switch (e.type()) {
  case simdjson::dom::element_type::ARRAY: return "an array";
  case simdjson::dom::element_type::OBJECT: return "an object";
  case simdjson::dom::element_type::STRING: return "a string";
  case simdjson::dom::element_type::BOOL: return "true or false";
  case simdjson::dom::element_type::NULL_VALUE: return "null";
  default: return "a number";
  }
}

/// The value of a number; true is 1, false is 0 and null is NaN.
std::optional<double> number_in(simdjson::dom::element e) {
  if (e.is_null()) return std::numeric_limits<double>::quiet_NaN();
  bool flag = false;
  if (e.get(flag) == simdjson::SUCCESS) return flag ? 1.0 : 0.0;
  double value = 0.0;
  if (e.get(value) == simdjson::SUCCESS) return value;
  return std::nullopt;
}

/// The first word outside of strings that stands for "no number" in other formats but not in JSON, and its column from
/// 1.
std::optional<std::pair<std::string, std::size_t>> missing_number_in(std::string_view text) {
  auto const in_word = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (std::size_t i = 0, end = 0; i < text.size(); i = end) {
    end = i + 1;
    if (text[i] == '"') {
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      ++end;
    } else if (in_word(text[i])) {
      while (end < text.size() && in_word(text[end])) ++end;
      std::string const word(text.substr(i, end - i));
      std::string lower = word;
      for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      for (char const* const none : {"nan", "inf", "infinity", "none", "undefined"}) {
        if (lower == none) return {{word, i + 1}};
      }
    }
  }
  return std::nullopt;
}

/// Says what is wrong with a line that is no JSON, and what to write instead.
std::string why_not_json(std::string_view text, simdjson::error_code error) {
  if (auto const word = missing_number_in(text)) {
    return fmt::format("not valid JSON: {} in column {}; write null, which may only stand where response_mask is 0",
                       word->first, word->second);
  }
  return fmt::format("not valid JSON ({})", simdjson::error_message(error));
}

}  // namespace

json_line::json_line(std::string const& file, long number, simdjson::dom::object fields)
    : file_(&file), number_(number), fields_(fields) {}

void json_line::fail(std::string what) const {
  auto const is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  std::replace_if(what.begin(), what.end(), is_control, '?');
  throw input_error(fmt::format("{}, line {}: {}", *file_, number_, what));
}

std::string json_line::spelled(std::string_view field) const {
  return prefix_.empty() ? fmt::format("\"{}\"", field) : fmt::format("{}[\"{}\"]", prefix_, field);
}

bool json_line::has(std::string_view field) const {
  simdjson::dom::element e;
  return fields_.at_key(field).get(e) == simdjson::SUCCESS && !e.is_null();
}

simdjson::dom::element json_line::element(std::string_view field) const {
  simdjson::dom::element e;
  if (fields_.at_key(field).get(e) != simdjson::SUCCESS) fail(fmt::format("the field {} is missing", spelled(field)));
  return e;
}

int json_line::integer(std::string_view field, int fallback) const {
  if (!has(field)) return fallback;
  std::int64_t value = 0;
  simdjson::dom::element const e = element(field);
  if (e.get(value) != simdjson::SUCCESS || value < std::numeric_limits<int>::min() ||
      value > std::numeric_limits<int>::max()) {
    fail(fmt::format("{} must be a whole number of at most 32 bits, but is {}", spelled(field),
                     e.is_number() ? "another number" : kind_of(e)));
  }
  return static_cast<int>(value);
}

std::vector<float> json_line::numbers(std::string_view field) const {
  simdjson::dom::element const e = element(field);
  simdjson::dom::array items;
  if (e.get(items) != simdjson::SUCCESS) {
    fail(fmt::format("{} must be an array of numbers, but is {}", spelled(field), kind_of(e)));
  }
  std::vector<float> values;
  for (simdjson::dom::element const item : items) {
    std::optional<double> const value = number_in(item);
    if (!value) fail(fmt::format("{}[{}] must be a number, but is {}", spelled(field), values.size(), kind_of(item)));
    values.push_back(static_cast<float>(*value));
  }
  return values;
}

std::vector<float> json_line::numbers(std::string_view field, std::size_t size) const {
  if (double one = 0.0; element(field).get(one) == simdjson::SUCCESS) {
    return std::vector<float>(size, static_cast<float>(one));
  }
  std::vector<float> values = numbers(field);
  if (values.size() != size) {
    fail(fmt::format("{} has {} values, but \"rollout_log_prob\" has {}", spelled(field), values.size(), size));
  }
  return values;
}

std::vector<std::int32_t> json_line::integers(std::string_view field) const {
  std::vector<std::int32_t> values;
  for (float const x : numbers(field)) values.push_back(token_id(field, values.size(), x));
  return values;
}

std::int32_t json_line::token_id(std::string_view field, std::size_t at, float x) const {
  if (!(x >= -1.0F && x <= 16777216.0F) || x != static_cast<float>(static_cast<std::int32_t>(x))) {
    fail(fmt::format("{}[{}] must be a token id from -1 to 16777216, but is {}", spelled(field), at, x));
  }
  return static_cast<std::int32_t>(x);
}

std::vector<std::string> json_line::strings(std::string_view field) const {
  simdjson::dom::element const e = element(field);
  simdjson::dom::array items;
  if (e.get(items) != simdjson::SUCCESS) {
    fail(fmt::format("{} must be an array of strings, but is {}", spelled(field), kind_of(e)));
  }
  std::vector<std::string> values;
  for (simdjson::dom::element const item : items) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS) {
      fail(fmt::format("{}[{}] must be a string, but is {}", spelled(field), values.size(), kind_of(item)));
    }
    values.emplace_back(text);
  }
  return values;
}

number_table json_line::table(std::string_view field) const {
  simdjson::dom::array rows;
  if (element(field).get(rows) != simdjson::SUCCESS) fail(fmt::format("{} must be an array of arrays", spelled(field)));
  number_table table;
  for (simdjson::dom::element const row : rows) {
    simdjson::dom::array items;
    if (row.get(items) != simdjson::SUCCESS) fail(fmt::format("{}[{}] must be an array", spelled(field), table.rows));
    std::size_t const before = table.values.size();
    for (simdjson::dom::element const item : items) {
      std::optional<double> const value = number_in(item);
      if (!value) fail(fmt::format("{}[{}] must hold numbers", spelled(field), table.rows));
      table.values.push_back(static_cast<float>(*value));
    }
    std::size_t const width = table.values.size() - before;
    if (table.rows == 0) table.width = width;
    if (width != table.width) {
      fail(fmt::format("{}[{}] has {} numbers, but the first has {}", spelled(field), table.rows, width, table.width));
    }
    ++table.rows;
  }
  return table;
}

bool json_line::is_object(std::string_view field) const { return element(field).is_object(); }

json_line json_line::inside(std::string_view field) const {
  simdjson::dom::object members;
  if (element(field).get(members) != simdjson::SUCCESS) fail(fmt::format("{} must be an object", spelled(field)));
  json_line inner(*file_, number_, members);
  inner.prefix_ = spelled(field);
  return inner;
}

std::vector<int> json_line::versions(std::string_view field) const {
  std::vector<int> keys;
  for (auto const& member : inside(field).fields_) {
    int value = 0;
    std::string_view const key = member.key;
    auto const [end, error] = std::from_chars(key.data(), key.data() + key.size(), value);
    if (error != std::errc{} || end != key.data() + key.size() || value < 0) {
      fail(fmt::format("{} has the key \"{}\", which is not a number of updates", spelled(field), key));
    }
    keys.push_back(value);
  }
  return keys;
}

void for_each_line(std::string const& path, std::function<void(json_line const&)> const& use) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw input_error(fmt::format("{}: the file cannot be opened", path));
  simdjson::dom::parser parser;
  std::string text;
  for (long number = 1; std::getline(in, text); ++number) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    simdjson::dom::element line;
    if (auto const error = parser.parse(text).get(line); error != simdjson::SUCCESS) {
      throw input_error(fmt::format("{}, line {}: {}", path, number, why_not_json(text, error)));
    }
    simdjson::dom::object fields;
    if (line.get(fields) != simdjson::SUCCESS) {
      throw input_error(fmt::format("{}, line {}: each line must be a JSON object", path, number));
    }
    use(json_line(path, number, fields));
  }
  if (in.bad()) throw input_error(fmt::format("{}: the file cannot be read", path));
}

}  // namespace demo
