// The readers of rollout files and of their Top-K lists: whatever stands in a file, it is read or refused with one
// sentence. A form feed parts the two files.
#include "fault.hpp"
#include "memory_file.hpp"

#include "../../examples/demo/input/input_error.hpp"
#include "../../examples/demo/input/rollouts.hpp"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const length = static_cast<std::size_t>(std::find(data, data + size, '\f') - data);
  fuzz::memory_file const file(data, length);
  try {
    auto rollouts = demo::read_rollouts(file.path());
    for (demo::rollout const& r : rollouts) {
      fuzz::demand(r.advantage.size() == r.size() && r.response_mask.size() == r.size(), "rollouts", "another length",
                   "");
      for (auto const& [updates, values] : r.log_prob) {
        fuzz::demand(values.size() == r.size(), "rollouts", "another length", "log_prob");
      }
    }
    if (length < size) demo::read_top_k(fuzz::memory_file(data + length + 1, size - length - 1).path(), rollouts);
    ++fuzz::accepted;
  } catch (demo::input_error const& e) {
    fuzz::demand(std::string_view(e.what()).find('\n') == std::string_view::npos, "rollouts", "more than one line",
                 e.what());
  }
  return 0;
}
