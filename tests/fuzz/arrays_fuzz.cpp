// The readers of NPZ and safetensors files: whatever stands in a file, it is read or refused with one sentence. What
// begins as an NPY file is two of them, put into an archive with checksums that are right.
#include "fault.hpp"
#include "memory_file.hpp"

#include "../../examples/demo/input/input_error.hpp"
#include "../../examples/demo/input/rollouts.hpp"

#include <zlib.h>

namespace {

std::string little_endian(std::size_t x, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, x >>= 8U) text += static_cast<char>(x & 0xffU);
  return text;
}

/// An archive of stored members.
std::string archive_of(std::vector<std::pair<std::string, std::string>> const& members) {
  std::string files, directory;
  for (auto const& [name, content] : members) {
    auto const checksum = crc32_z(0, reinterpret_cast<Bytef const*>(content.data()), content.size());
    std::string const about = std::string(8, '\0') + little_endian(checksum, 4) + little_endian(content.size(), 4) +
                              little_endian(content.size(), 4) + little_endian(name.size(), 2) + std::string(2, '\0');
    std::string const at = little_endian(files.size(), 4);
    files += "PK\3\4" + little_endian(20, 2) + about + name + content;
    directory += "PK\1\2" + little_endian(20, 2) + little_endian(20, 2) + about + std::string(10, '\0') + at + name;
  }
  return files + directory + "PK\5\6" + std::string(6, '\0') + little_endian(members.size(), 2) +
         little_endian(directory.size(), 4) + little_endian(files.size(), 4) + std::string(2, '\0');
}

void read(std::string const& bytes) {
  fuzz::memory_file const file(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size());
  try {
    for (demo::rollout const& r : demo::read_rollouts(file.path())) {
      bool const same = r.advantage.size() == r.size() && r.response_mask.size() == r.size() &&
                        r.log_prob.at(demo::unknown_updates).size() == r.size();
      fuzz::demand(same, "arrays", "another length", "");
      fuzz::demand(r.lists.ids.size() == r.lists.k * r.size(), "arrays", "another length", "top_k_ids");
    }
    ++fuzz::accepted;
  } catch (demo::input_error const& e) {
    fuzz::demand(std::string_view(e.what()).find('\n') == std::string_view::npos, "arrays", "more than one line",
                 e.what());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string const bytes(data, data + size);
  if (bytes.starts_with("{")) return 0;  // JSON Lines have a target of their own
  if (!bytes.starts_with("\x93NUMPY")) return read(bytes), 0;
  std::string const first = bytes.substr(0, size / 2), second = bytes.substr(size / 2);
  read(archive_of({{"rollout_log_prob.npy", first}, {"log_prob.npy", second}, {"advantage.npy", second}}));
  return 0;
}
