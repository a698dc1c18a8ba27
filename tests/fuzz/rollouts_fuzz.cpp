// The reader of rollout files: whatever stands in the file, it is read or refused with one sentence.
#include "fault.hpp"
#include "memory_file.hpp"

#include "../../examples/demo/input_error.hpp"
#include "../../examples/demo/rollouts.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::memory_file const file(data, size);
  try {
    auto rollouts = demo::read_rollouts(file.path());
    for (demo::rollout const& r : rollouts) {
      fuzz::demand(r.advantage.size() == r.size() && r.response_mask.size() == r.size(), "rollouts", "another length", "");
      for (auto const& [updates, values] : r.log_prob) {
        fuzz::demand(values.size() == r.size(), "rollouts", "another length", "log_prob");
      }
    }
    demo::read_top_k(file.path(), rollouts);
    ++fuzz::accepted;
  } catch (demo::input_error const& e) {
    fuzz::demand(std::string_view(e.what()).find('\n') == std::string_view::npos, "rollouts", "more than one line", e.what());
  }
  return 0;
}
