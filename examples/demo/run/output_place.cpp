#include "run/output_place.hpp"

#include "input/input_error.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>

namespace demo {

void prepare_output(std::string const& path, std::string const& what) {
  std::filesystem::path const file(path);
  std::error_code failed;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), failed);
  bool const existed = std::filesystem::exists(file, failed);
  bool const opens = std::ofstream(file, std::ios::binary | std::ios::app).is_open();
  if (!opens) throw input_error(fmt::format("{}: {} cannot be written", path, what));
  if (!existed) std::filesystem::remove(file, failed);
}

}  // namespace demo
