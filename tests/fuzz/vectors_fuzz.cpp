// The reader of conformance vectors: whatever stands in the file, cases are run or refused.
#include "fault.hpp"

#include "../conformance/run_case.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  try {
    auto const text = reinterpret_cast<char const*>(data);
    for (conformance::json const& c : conformance::parse_cases(std::string(text, text + size))) {
      static_cast<void>(conformance::run_case<float>(cppo::seq, c, 0));
    }
    ++fuzz::accepted;
  } catch (conformance::format_error const&) {
  }
  return 0;
}
