// Arrays of numbers as NPZ and safetensors files hold them.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace demo {

/// An array with its elements in row-major order. Whole numbers are exact up to 2^53.
struct number_array {
  std::vector<std::size_t> shape;
  std::vector<double> values;
};

/// Arrays by name.
using number_arrays = std::map<std::string, number_array, std::less<>>;

/// Reads those of `names` that the file holds; others are not looked at. Throws `input_error`.
/// @{
number_arrays read_npz(std::string const& path, std::span<std::string_view const> names);
number_arrays read_safetensors(std::string const& path, std::span<std::string_view const> names);
/// @}

}  // namespace demo
