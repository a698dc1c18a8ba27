// Translates token ids to text and back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace trainer {

/// Byte-pair pieces with scores, read from a file.
class tokenizer {
 public:
  tokenizer() = default;
  /// Reads a file of: int32 longest piece, then for each token float32 score, int32 length, bytes (little-endian).
  /// Throws `input_error`.
  explicit tokenizer(std::string const& path);

  /// The token that begins and ends a story.
  static constexpr std::int32_t story_token = 1;

  /// Number of tokens.
  std::size_t size() const { return pieces_.size(); }
  /// The text of a token: "#id" if the id is not known, "" for the token that begins and ends stories.
  std::string text(std::int32_t id) const;
  /// The text of a sequence, without the space that begins every story.
  std::string text(std::vector<std::int32_t> const& ids) const;
  /// The ids of a text that begins a story: a space is put in front, then characters are merged, the best pair first.
  std::vector<std::int32_t> ids(std::string_view text) const;

 private:
  std::vector<std::int32_t> characters(std::string_view text) const;

  std::vector<std::string> pieces_;  ///< as text: <0x0A> is a line feed
  std::vector<float> scores_;
  std::unordered_map<std::string, std::int32_t> merged_;  ///< pieces as the file spells them
};

}  // namespace trainer
