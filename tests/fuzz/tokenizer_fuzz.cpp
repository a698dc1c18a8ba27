// The reader of vocabularies: whatever stands in the file, it is read or refused with one sentence, and what was read
// spells any text in tokens that it has.
#include "fault.hpp"
#include "memory_file.hpp"

#include "../../examples/trainer/input_error.hpp"
#include "../../examples/trainer/tokenizer.hpp"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::memory_file const file(data, size);
  try {
    trainer::tokenizer const words(file.path());
    std::size_t const length = std::min<std::size_t>(size, 64);
    std::string_view const text(reinterpret_cast<char const*>(data) + size - length, length);
    for (std::int32_t const id : words.ids(text)) {
      fuzz::demand(id >= 0 && static_cast<std::size_t>(id) < words.size(), "tokenizer", "an id that is no token", "");
      static_cast<void>(words.text(id));
    }
    ++fuzz::accepted;
  } catch (trainer::input_error const&) {
  }
  return 0;
}
