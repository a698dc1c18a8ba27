#include "input_error.hpp"
#include "vocabulary.hpp"

#include <array>
#include <fstream>

#include <fmt/format.h>

namespace demo {

namespace {

/// A little-endian 32-bit integer; false at the end of the file.
bool read_word(std::istream& in, std::uint32_t& word) {
  std::array<char, 4> bytes{};
  if (!in.read(bytes.data(), 4)) return false;
  word = 0;
  for (std::size_t i = 4; i-- > 0;) word = (word << 8U) | static_cast<unsigned char>(bytes[i]);
  return true;
}

/// Pieces such as <0x0A> stand for one byte.
std::string spelled(std::string piece) {
  if (piece.size() == 6 && piece.rfind("<0x", 0) == 0 && piece.back() == '>') {
    return std::string(1, static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16)));
  }
  return piece;
}

}  // namespace

vocabulary::vocabulary(std::string const& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw input_error(fmt::format("{}: the file cannot be opened", path));
  std::uint32_t longest = 0;
  std::uint32_t score = 0;
  std::uint32_t length = 0;
  if (!read_word(in, longest)) throw input_error(fmt::format("{}: not a vocabulary", path));
  while (read_word(in, score)) {
    if (!read_word(in, length) || length > longest + 6U) throw input_error(fmt::format("{}: not a vocabulary", path));
    std::string piece(length, '\0');
    if (!in.read(piece.data(), static_cast<std::streamsize>(length))) {
      throw input_error(fmt::format("{}: the file ends inside token {}", path, pieces_.size()));
    }
    pieces_.push_back(spelled(piece));
  }
}

std::string vocabulary::text(std::int32_t id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= pieces_.size()) return fmt::format("#{}", id);
  return pieces_[static_cast<std::size_t>(id)];
}

}  // namespace demo
