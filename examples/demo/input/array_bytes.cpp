#include "input/array_bytes.hpp"

#include <cppo/core/half.hpp>

#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace demo {

namespace {

template <class T>
double value_of(char const* bytes) {
  T x;
  std::memcpy(&x, bytes, sizeof x);
  return static_cast<double>(x);
}

template <class Half>
double half_of(char const* bytes) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, bytes, sizeof bits);
  return static_cast<double>(to_float(Half{bits}));
}

constexpr element_type known_types[] = {
    {"f8", "F64", 8, value_of<double>},        {"f4", "F32", 4, value_of<float>},
    {"f2", "F16", 2, half_of<cppo::half>},     {"", "BF16", 2, half_of<cppo::bfloat16>},
    {"i8", "I64", 8, value_of<std::int64_t>},  {"i4", "I32", 4, value_of<std::int32_t>},
    {"i2", "I16", 2, value_of<std::int16_t>},  {"i1", "I8", 1, value_of<std::int8_t>},
    {"u8", "U64", 8, value_of<std::uint64_t>}, {"u4", "U32", 4, value_of<std::uint32_t>},
    {"u2", "U16", 2, value_of<std::uint16_t>}, {"u1", "U8", 1, value_of<std::uint8_t>},
    {"b1", "BOOL", 1, value_of<std::uint8_t>},
};

/// True if the shape has `count` elements.
bool has_elements(std::vector<std::size_t> const& shape, std::size_t count) {
  std::size_t rest = count;
  bool exact = true;
  for (std::size_t const n : shape) {
    if (n == 0) return count == 0;
    exact = exact && rest % n == 0;
    rest /= n;
  }
  return exact && rest == 1;
}

}  // namespace

std::span<element_type const> element_types() { return known_types; }

number_array decoded(std::string const& place, element_type const& type, std::vector<std::size_t> shape,
                     std::string_view bytes) {
  std::size_t const count = bytes.size() / type.size;
  if (bytes.size() % type.size != 0 || !has_elements(shape, count)) {
    throw input_error(fmt::format("{} has {} bytes, which is not what its shape says: the file is damaged", place,
                                  bytes.size()));
  }
  number_array a{std::move(shape), {}};
  a.values.reserve(count);
  for (std::size_t i = 0; i < count; ++i) a.values.push_back(type.value(bytes.data() + i * type.size));
  return a;
}

std::string bytes_of(std::string const& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw input_error(fmt::format("{}: the file cannot be opened", path));
  std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) throw input_error(fmt::format("{}: the file cannot be read", path));
  return bytes;
}

std::uint64_t whole_number(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t x = 0;
  for (std::size_t i = size; i > 0; --i) x = (x << 8U) | static_cast<unsigned char>(bytes[at + i - 1]);
  return x;
}

}  // namespace demo
