// Recorded rollouts, read from a file: what a trainer would lend to the library.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace demo {

/// Stands for the number of updates if a file does not say after how many its log-probs are.
inline constexpr int unknown_updates = -1;

/// What only some responses have: Top-K lists, and exact divergences.
struct top_k_lists {
  std::size_t k = 0;
  std::vector<std::int32_t> ids;               ///< [T, k]
  std::vector<float> rollout_log_prob;         ///< [T, k]
  std::map<int, std::vector<float>> log_prob;  ///< by number of updates, [T, k]
  std::map<int, std::vector<float>> full_tv;   ///< by number of updates, [T]
  std::map<int, std::vector<float>> full_kl;   ///< by number of updates, [T]
};

/// One response.
struct rollout {
  std::string file;             ///< where it was read
  std::string record = "line";  ///< what a response is there: a line, or a row of arrays
  long line = 0;                ///< its number there, from 1
  int prompt = -1;              ///< with `sample` the key that joins Top-K lists to the response
  int sample = -1;
  std::vector<float> rollout_log_prob;         ///< [T]
  std::map<int, std::vector<float>> log_prob;  ///< by number of updates, [T]
  std::vector<float> advantage;                ///< [T]
  std::vector<std::uint8_t> response_mask;     ///< [T]
  std::vector<float> divergence;               ///< [T] or empty: computed elsewhere
  std::vector<std::int32_t> prompt_ids;        ///< may be empty
  std::vector<std::int32_t> ids;               ///< [T] or empty
  std::vector<std::string> tokens;             ///< [T] or empty: the text of each token
  top_k_lists lists;                           ///< k = 0 where there are none

  std::size_t size() const { return rollout_log_prob.size(); }
  /// "line 3", or "response 3" of arrays.
  std::string place() const { return record + " " + std::to_string(line); }
};

/// Reads a file of JSON Lines, NPZ or safetensors, as its first bytes say. Throws `input_error`.
std::vector<rollout> read_rollouts(std::string const& path);

/// Reads Top-K lists and adds each to the response with the same prompt and sample. Throws `input_error`.
void read_top_k(std::string const& path, std::vector<rollout>& rollouts);

/// The numbers of updates after which every response has log-probs, ascending.
std::vector<int> known_updates(std::vector<rollout> const& rollouts);

/// The fields of a rollout file, for `--help`.
extern char const* const rollout_fields;

}  // namespace demo
