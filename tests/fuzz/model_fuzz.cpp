// The reader of model files: whatever stands in the file, it is read or refused with one sentence.
#include "fault.hpp"
#include "memory_file.hpp"

#include "../../examples/trainer/input_error.hpp"
#include "../../examples/trainer/model.hpp"

#include <algorithm>
#include <cmath>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::memory_file const file(data, size);
  try {
    auto const weights = trainer::read_model(file.path());
    fuzz::demand(weights.flat().size() * sizeof(float) < size, "model", "more weights than the file holds", "");
    bool const finite =
        std::all_of(weights.flat().begin(), weights.flat().end(), [](float w) { return std::isfinite(w); });
    fuzz::demand(finite, "model", "a weight that is not finite", "");
    ++fuzz::accepted;
  } catch (trainer::input_error const&) {
  }
  return 0;
}
