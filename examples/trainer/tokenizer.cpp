#include "tokenizer.hpp"

#include "input_error.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <fstream>

namespace trainer {

namespace {

constexpr std::int32_t first_byte_token = 3;
constexpr std::size_t fewest_tokens = first_byte_token + 256;  // every text can be spelled in bytes
constexpr std::uint32_t longest_piece = 1024;

/// Reads a little-endian integer of 32 bits. False at the end of the file.
bool read_word(std::istream& in, std::uint32_t& word) {
  std::array<char, 4> bytes{};
  if (!in.read(bytes.data(), 4)) return false;
  word = 0;
  for (std::size_t i = 4; i-- > 0;) word = (word << 8U) | static_cast<unsigned char>(bytes[i]);
  return true;
}

/// The text of a piece. Pieces such as <0x0A> stand for one byte.
std::string spelled(std::string const& piece) {
  if (piece.size() != 6 || piece.rfind("<0x", 0) != 0 || piece.back() != '>') return piece;
  unsigned int byte = 0;
  auto const [end, error] = std::from_chars(piece.data() + 3, piece.data() + 5, byte, 16);
  bool const is_byte = error == std::errc() && end == piece.data() + 5;
  return is_byte ? std::string(1, static_cast<char>(byte)) : piece;
}

/// The number of bytes of the UTF-8 character that begins with `lead`.
std::size_t character_size(char lead) {
  auto const c = static_cast<unsigned char>(lead);
  return c < 0xC0U ? 1 : c < 0xE0U ? 2 : c < 0xF0U ? 3 : 4;
}

}  // namespace

tokenizer::tokenizer(std::string const& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw input_error(path + ": the file cannot be opened");
  std::uint32_t longest = 0;
  std::uint32_t score = 0;
  std::uint32_t length = 0;
  if (!read_word(in, longest) || longest > longest_piece) throw input_error(path + ": not a vocabulary");
  while (read_word(in, score)) {
    if (!read_word(in, length) || length > longest + 6U) throw input_error(path + ": not a vocabulary");
    std::string piece(length, '\0');
    if (!in.read(piece.data(), static_cast<std::streamsize>(length))) {
      throw input_error(path + ": the file ends inside token " + std::to_string(pieces_.size()));
    }
    merged_.emplace(piece, static_cast<std::int32_t>(pieces_.size()));
    pieces_.push_back(spelled(piece));
    scores_.push_back(std::bit_cast<float>(score));
  }
  if (pieces_.size() < fewest_tokens) throw input_error(path + ": a vocabulary must hold a token for every byte");
}

std::string tokenizer::text(std::int32_t id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= pieces_.size()) return std::string(1, '#').append(std::to_string(id));
  return id == story_token ? std::string() : pieces_[static_cast<std::size_t>(id)];
}

std::string tokenizer::text(std::vector<std::int32_t> const& ids) const {
  std::string all;
  for (std::int32_t const id : ids) all += text(id);
  return !all.empty() && all.front() == ' ' ? all.substr(1) : all;
}

std::vector<std::int32_t> tokenizer::characters(std::string_view text) const {
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < text.size();) {
    std::string const one(text.substr(i, character_size(text[i])));
    auto const found = merged_.find(one);
    if (found != merged_.end()) {
      ids.push_back(found->second);
    } else {
      for (char const c : one) ids.push_back(first_byte_token + static_cast<unsigned char>(c));
    }
    i += one.size();
  }
  return ids;
}

std::vector<std::int32_t> tokenizer::ids(std::string_view text) const {
  std::vector<std::int32_t> ids = characters(std::string(1, ' ').append(text));
  while (true) {
    float best = -1e30F;
    std::size_t where = ids.size();
    std::int32_t id = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      auto const pair =
          merged_.find(pieces_[static_cast<std::size_t>(ids[i])] + pieces_[static_cast<std::size_t>(ids[i + 1])]);
      if (pair == merged_.end() || !(scores_[static_cast<std::size_t>(pair->second)] > best)) continue;
      best = scores_[static_cast<std::size_t>(pair->second)];
      where = i;
      id = pair->second;
    }
    if (where == ids.size()) return ids;
    ids[where] = id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(where) + 1);
  }
}

}  // namespace trainer
