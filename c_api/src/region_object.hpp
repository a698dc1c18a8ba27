// What the shared object of a compiled region offers the library: all that it does with a region, for the type that the
// user's text makes.
#pragma once

#include "number.hpp"
#include "region_calls.hpp"

namespace c_api {

/// Made: `from(numbers)` makes the region, `text` says how, `numbers` is how many numbers it takes.
template <class Made>
struct region_object : region_calls<decltype(Made::from(nullptr))> {
  using calls = region_calls<decltype(Made::from(nullptr))>;
  using region = typename calls::region;
  static_assert(cppo::trust_region_like<region>, "the text makes no trust region");
  static_assert(sizeof(region) <= compiled_bytes::room, "the parts of this region hold more than 736 bytes");
  static_assert(Made::numbers <= compiled_bytes::most_numbers, "the text of this region has more than 32 numbers");

  static int make(double const* numbers, void* into, std::uint32_t* inputs, void* status) noexcept {
    number::cut = false;
    region const r = Made::from(numbers);
    cppo::parameter_check p = cppo::detail::parameters_of(r);
    if (number::cut) p = {false, "a number of a part", 0.5, "whole: the member that it becomes is an integer"};
    *inputs = 0;
    using cppo::detail::each_input_of;
    each_input_of(r, [inputs](cppo::argument a) { *inputs |= 1U << static_cast<unsigned>(a); });
    to_bytes(into, r);
    to_bytes(status, p ? cppo::status{} : cppo::detail::out_of_range(cppo::argument::region, p));
    return static_cast<int>(ending::done);
  }
  static constexpr compiled_region offered{
      layout_tag(), Made::text, Made::numbers, cppo::any(region::needed, cppo::needs::quantile),
      make, calls::call, calls::diagnose, calls::summarize, calls::resolve, calls::sum, calls::certify,
      calls::weigh};
};

}  // namespace c_api
