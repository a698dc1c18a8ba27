// What the readers of arrays share: the bytes of a file, and how numbers lie in them.
#pragma once

#include "input/arrays.hpp"
#include "input/input_error.hpp"

#include <cstdint>

namespace demo {

/// How an element lies in a file, in the byte order of x86.
struct element_type {
  std::string_view npy;          ///< as NPY files call it, without the byte order; empty: they have none
  std::string_view safetensors;  ///< as safetensors files call it
  std::size_t size;
  double (*value)(char const* bytes);
};

/// Every type that is read.
std::span<element_type const> element_types();

/// The elements of the bytes, as many as the shape says. Throws `input_error` that begins with `place` if these are
/// more or fewer.
number_array decoded(std::string const& place, element_type const& type, std::vector<std::size_t> shape,
                     std::string_view bytes);

/// The whole file. Throws `input_error` if it cannot be read.
std::string bytes_of(std::string const& path);

/// A whole number of `size` bytes, the lowest first. Pre: they are there.
std::uint64_t whole_number(std::string_view bytes, std::size_t at, std::size_t size);

}  // namespace demo
