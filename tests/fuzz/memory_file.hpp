// Bytes as a file, for readers that take a path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

namespace fuzz {

/// A file that holds what was given, in memory where the system has such a place; gone with the object. Two at a time.
class memory_file {
 public:
  memory_file(std::uint8_t const* data, std::size_t size) {
    std::filesystem::path const memory = "/dev/shm";
    auto const folder = std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
    static int files = 0;
    path_ = (folder / ("cppo_fuzz_" + std::to_string(getpid()) + "_" + std::to_string(files++ % 2))).string();
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<char const*>(data), static_cast<std::streamsize>(size));
  }
  memory_file(memory_file const&) = delete;
  memory_file& operator=(memory_file const&) = delete;
  ~memory_file() { std::filesystem::remove(path_); }
  std::string const& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace fuzz
