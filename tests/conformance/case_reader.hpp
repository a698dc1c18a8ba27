/// @file
/// Reading JSON with errors that say where and what: every accessor throws `format_error` with one sentence.
#pragma once

#include <cppo/core/types.hpp>

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace conformance {

using nlohmann::json;

/// The file is not in the format.
struct format_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The case is valid, but asks for something that the library does not offer.
struct unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A decimal as the float32 that it stands for.
inline float to_float32(double x) {
  if (std::abs(x) <= static_cast<double>(std::numeric_limits<float>::max())) return static_cast<float>(x);
  return std::isnan(x) ? std::numeric_limits<float>::quiet_NaN()
                       : std::copysign(std::numeric_limits<float>::infinity(), static_cast<float>(x > 0.0 ? 1 : -1));
}

/// One JSON object and its place in the file.
class object_reader {
 public:
  object_reader(json const& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) throw format_error(where_ + " must be an object, not " + kind(object));
  }

  bool has(char const* key) const { return object_.contains(key); }
  object_reader object(char const* key) const { return {at(key), where_ + ", " + key}; }

  double number(char const* key) const {
    json const& x = at(key);
    if (!x.is_number()) wrong(key, "a number", x);
    return x.get<double>();
  }
  /// A number; nothing for null.
  std::optional<double> number_or_null(char const* key) const {
    return at(key).is_null() ? std::nullopt : std::optional(number(key));
  }
  bool flag(char const* key) const {
    json const& x = at(key);
    if (!x.is_boolean()) wrong(key, "true or false", x);
    return x.get<bool>();
  }
  std::string text(char const* key) const {
    json const& x = at(key);
    if (!x.is_string()) wrong(key, "a string", x);
    return x.get<std::string>();
  }
  /// A count: not negative, and small enough that counts can be multiplied.
  cppo::index_t count(char const* key) const { return count_of(key, at(key)); }
  std::vector<cppo::index_t> counts(char const* key) const {
    std::vector<cppo::index_t> r;
    for (json const& x : array(key)) r.push_back(count_of(key, x));
    return r;
  }

  /// Array of objects.
  std::vector<object_reader> objects(char const* key) const {
    std::vector<object_reader> r;
    for (json const& x : array(key)) r.emplace_back(x, where_ + ", " + key + "[" + std::to_string(r.size()) + "]");
    return r;
  }
  /// Flat array of float32 values, as the arithmetic of the run.
  template <class Real>
  std::vector<Real> numbers(char const* key, cppo::index_t size) const {
    std::vector<Real> r;
    for (json const& x : array(key, size)) r.push_back(static_cast<Real>(to_float32(value(key, x))));
    return r;
  }
  /// Flat array of 0 and 1, or false and true.
  std::vector<std::uint8_t> bits(char const* key, cppo::index_t size) const {
    std::vector<std::uint8_t> r;
    for (json const& x : array(key, size)) {
      double const v = x.is_boolean() ? (x.get<bool>() ? 1.0 : 0.0) : value(key, x);
      if (v != 0.0 && v != 1.0)
        throw format_error(where_ + ": \"" + key + "\" must hold 0 and 1 only, found " + x.dump());
      r.push_back(static_cast<std::uint8_t>(v));
    }
    return r;
  }
  /// Flat array of token ids.
  std::vector<cppo::index_t> ids(char const* key, cppo::index_t size) const {
    std::vector<cppo::index_t> r;
    for (json const& x : array(key, size)) {
      if (!x.is_number_integer()) wrong(key, "integers", x);
      r.push_back(x.get<cppo::index_t>());
    }
    return r;
  }

  [[noreturn]] void fail(std::string const& what) const { throw format_error(where_ + ": " + what); }

 private:
  static constexpr cppo::index_t largest_count = cppo::index_t{1} << 30;

  static std::string kind(json const& x) {
    if (x.is_null()) return "null";
    return (x.is_structured() ? "an " : "a ") + std::string(x.type_name());
  }
  [[noreturn]] void wrong(char const* key, char const* wanted, json const& found) const {
    fail("\"" + std::string(key) + "\" must be " + wanted + ", not " + kind(found));
  }
  json const& at(char const* key) const {
    auto const found = object_.find(key);
    if (found == object_.end()) fail("\"" + std::string(key) + "\" is missing");
    return *found;
  }
  json const& array(char const* key) const {
    json const& x = at(key);
    if (!x.is_array()) wrong(key, "an array", x);
    return x;
  }
  json const& array(char const* key, cppo::index_t size) const {
    json const& x = array(key);
    if (static_cast<cppo::index_t>(x.size()) != size) {
      fail("\"" + std::string(key) + "\" must hold " + std::to_string(size) + " values, found " +
           std::to_string(x.size()));
    }
    return x;
  }
  cppo::index_t count_of(char const* key, json const& x) const {
    if (!x.is_number_integer()) wrong(key, "a count", x);
    bool const fits = x.is_number_unsigned() && x.get<std::uint64_t>() <= static_cast<std::uint64_t>(largest_count);
    if (!fits) fail("\"" + std::string(key) + "\" must lie between 0 and 2^30, found " + x.dump());
    return x.get<cppo::index_t>();
  }
  double value(char const* key, json const& x) const {
    if (x.is_number()) return x.get<double>();
    if (x == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (x == "inf") return std::numeric_limits<double>::infinity();
    if (x == "-inf") return -std::numeric_limits<double>::infinity();
    wrong(key, "numbers, \"nan\", \"inf\" or \"-inf\"", x);
  }

  json const& object_;
  std::string where_;
};

/// A number as JSON has it: NaN and infinities become strings.
inline json to_json(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0.0 ? "inf" : "-inf";
  return x;
}
template <class T>
json to_json(std::vector<T> const& values) {
  json r = json::array();
  for (T x : values) r.push_back(to_json(static_cast<double>(x)));
  return r;
}

}  // namespace conformance
