// JSON Lines, read field by field, so that every failure can name the file, the line and the field.
#pragma once

#include "input/input_error.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

namespace demo {

/// A table of numbers as it stands in a file: `rows` arrays of `width` numbers.
struct number_table {
  std::size_t rows = 0;
  std::size_t width = 0;
  std::vector<float> values;
};

/// One line of a JSON Lines file. Every member throws `input_error` where the field is not what it asks for.
class json_line {
 public:
  json_line(std::string const& file, long number, simdjson::dom::object fields);

  /// Line number, from 1.
  long number() const { return number_; }
  /// True if the field is there and is not null.
  bool has(std::string_view field) const;
  /// A field that holds one whole number; `fallback` if it is absent.
  int integer(std::string_view field, int fallback) const;
  /// A field that holds one number or an array of numbers; one number is repeated `size` times. null reads as NaN.
  std::vector<float> numbers(std::string_view field, std::size_t size) const;
  /// A field that holds an array of numbers, of any length.
  std::vector<float> numbers(std::string_view field) const;
  /// A field that holds an array of token ids.
  std::vector<std::int32_t> integers(std::string_view field) const;
  /// x, which stands in the field, as a token id: a whole number from -1 to 2^24.
  std::int32_t token_id(std::string_view field, std::size_t at, float x) const;
  /// A field that holds an array of strings.
  std::vector<std::string> strings(std::string_view field) const;
  /// A field that holds an array of equally long arrays of numbers.
  number_table table(std::string_view field) const;
  /// A field that holds an object whose keys are whole numbers: its keys.
  std::vector<int> versions(std::string_view field) const;
  /// True if the field is an object.
  bool is_object(std::string_view field) const;
  /// The members of an object field as a line of their own, to be read by version.
  json_line inside(std::string_view field) const;
  /// Throws an `input_error` that says where and then `what`, on one line whatever the file holds.
  [[noreturn]] void fail(std::string what) const;

 private:
  simdjson::dom::element element(std::string_view field) const;
  std::string spelled(std::string_view field) const;

  std::string const* file_;
  long number_;
  simdjson::dom::object fields_;
  std::string prefix_;
};

/// Calls `use` for every line of `path` that is not blank.
void for_each_line(std::string const& path, std::function<void(json_line const&)> const& use);

}  // namespace demo
