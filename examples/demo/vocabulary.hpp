// Token ids to text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace demo {

/// The pieces of text that token ids stand for; empty until a file is read.
class vocabulary {
 public:
  vocabulary() = default;
  /// Reads a file of: int32 longest piece, then for each token float32 score, int32 length, bytes (little-endian).
  /// Throws `input_error`.
  explicit vocabulary(std::string const& path);
  /// The text of a token; "#id" where the id is not known.
  std::string text(std::int32_t id) const;

 private:
  std::vector<std::string> pieces_;
};

}  // namespace demo
