// The readers of model and tokenizer files: whatever stands in the file, it is read or refused with one sentence.
#include "fault.hpp"
#include "memory_file.hpp"

#include "../../examples/trainer/input_error.hpp"
#include "../../examples/trainer/model.hpp"
#include "../../examples/trainer/tokenizer.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  fuzz::memory_file const file(data + 1, size - 1);
  try {
    if ((data[0] & 1U) != 0) {
      static_cast<void>(trainer::read_model(file.path()));
    } else {
      trainer::tokenizer const words(file.path());
      std::string_view const text(reinterpret_cast<char const*>(data), std::min<std::size_t>(size, 64));
      for (std::int32_t const id : words.ids(text)) {
        fuzz::demand(id >= 0, "tokenizer", "a negative id", "");
        static_cast<void>(words.text(id));
      }
    }
  } catch (trainer::input_error const&) {
  }
  return 0;
}
