#include "input/array_rollouts.hpp"
#include "input/json_lines.hpp"
#include "input/rollouts.hpp"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

namespace demo {

char const* const rollout_fields =
    "A rollout file is JSON Lines, one response a line; or NPZ or safetensors (see below):\n"
    "  rollout_log_prob  [T] log-prob of each token under the policy that sampled it, nats\n"
    "  log_prob          [T] the same under the policy being trained; or an object from the\n"
    "                    number of updates to [T]: {\"0\": [...], \"16\": [...]}\n"
    "  advantage         a number, or [T]\n"
    "  response_mask     [T] optional: 1 where the policy generated the token, 0 elsewhere\n"
    "  tokens            [T] optional: the text of each token, to colour it in the report\n"
    "  response_ids      [T] optional: token ids; prompt_ids: ids before them\n"
    "  divergence        [T] optional: computed elsewhere, for --divergence precomputed\n"
    "null stands for a number that is not known; it may only stand where response_mask is 0.\n"
    "A Top-K file joins by prompt and sample: ids [T, K], rollout_log_prob [T, K], and log_prob,\n"
    "an object from the number of updates to [T, K]. Optional: full_tv and full_kl, likewise to [T],\n"
    "the total variation and KL(mu || pi) over the whole vocabulary, for --divergence full_tv and\n"
    "full_kl. --divergence precomputed reads full_tv where no response has a divergence; TRM then\n"
    "reads full_kl.\n"
    "Arrays in NPZ and safetensors have the names above, token_id, top_k_ids, top_k_log_probs and\n"
    "top_k_rollout_log_probs [.., K]: [B, T] each, or packed [N] with cu_seqlens [B + 1]; advantage also\n"
    "[B].";

namespace {

std::vector<std::uint8_t> read_mask(json_line const& line, std::size_t size) {
  if (!line.has("response_mask")) return std::vector<std::uint8_t>(size, 1);
  std::vector<std::uint8_t> mask;
  for (float const x : line.numbers("response_mask", size)) {
    if (x != 0.0F && x != 1.0F) line.fail(fmt::format("\"response_mask\"[{}] is neither 0 nor 1", mask.size()));
    mask.push_back(x == 1.0F ? 1 : 0);
  }
  return mask;
}

std::map<int, std::vector<float>> by_updates(json_line const& line, std::string_view field, std::size_t size) {
  if (!line.is_object(field)) return {{unknown_updates, line.numbers(field, size)}};
  std::map<int, std::vector<float>> versions;
  json_line const inside = line.inside(field);
  for (int const updates : line.versions(field)) versions[updates] = inside.numbers(std::to_string(updates), size);
  return versions;
}

template <class T>
std::vector<T> of_length(json_line const& line, std::string_view field, std::vector<T> values, std::size_t size) {
  if (values.size() == size) return values;
  line.fail(fmt::format("\"{}\" has {} values, but \"rollout_log_prob\" has {}", field, values.size(), size));
}

rollout read_rollout(json_line const& line) {
  rollout r;
  r.line = line.number();
  r.prompt = line.integer("prompt", -1);
  r.sample = line.integer("sample", -1);
  r.rollout_log_prob = line.numbers("rollout_log_prob");
  std::size_t const size = r.size();
  r.log_prob = by_updates(line, "log_prob", size);
  r.advantage = line.numbers("advantage", size);
  r.response_mask = read_mask(line, size);
  if (line.has("divergence")) r.divergence = line.numbers("divergence", size);
  if (line.has("prompt_ids")) r.prompt_ids = line.integers("prompt_ids");
  if (line.has("response_ids")) r.ids = of_length(line, "response_ids", line.integers("response_ids"), size);
  if (line.has("tokens")) r.tokens = of_length(line, "tokens", line.strings("tokens"), size);
  return r;
}

number_table table_of(json_line const& line, std::string_view field, std::size_t rows, std::size_t width) {
  number_table t = line.table(field);
  if (t.rows != rows) line.fail(fmt::format("\"{}\" has {} rows, but the response has {} tokens", field, t.rows, rows));
  if (rows > 0 && t.width != width) line.fail(fmt::format("\"{}\" has {} columns, not {}", field, t.width, width));
  return t;
}

top_k_lists read_lists(json_line const& line, std::size_t size) {
  top_k_lists lists;
  number_table const ids = line.table("ids");
  lists.k = ids.width;
  if (lists.k == 0) line.fail("\"ids\" must hold at least one id a token");
  static_cast<void>(table_of(line, "ids", size, lists.k));
  for (float const id : ids.values) lists.ids.push_back(line.token_id("ids", lists.ids.size(), id));
  lists.rollout_log_prob = table_of(line, "rollout_log_prob", size, lists.k).values;
  json_line const log_prob = line.inside("log_prob");
  for (int const updates : line.versions("log_prob")) {
    lists.log_prob[updates] = table_of(log_prob, std::to_string(updates), size, lists.k).values;
  }
  if (line.has("full_tv")) lists.full_tv = by_updates(line, "full_tv", size);
  if (line.has("full_kl")) lists.full_kl = by_updates(line, "full_kl", size);
  return lists;
}

enum class container { json_lines, npz, safetensors };

/// By the first bytes: a ZIP archive's mark; a length of 8 bytes, of which the highest is 0, as no text has it.
container container_of(std::string const& path) {
  std::string head(8, ' ');
  std::ifstream(path, std::ios::binary).read(head.data(), static_cast<std::streamsize>(head.size()));
  if (head.starts_with("PK")) return container::npz;
  return head.back() == '\0' ? container::safetensors : container::json_lines;
}

}  // namespace

std::vector<rollout> read_rollouts(std::string const& path) {
  std::vector<rollout> rollouts;
  switch (container_of(path)) {
  case container::npz: rollouts = rollouts_of(path, read_npz(path, rollout_arrays())); break;
  case container::safetensors: rollouts = rollouts_of(path, read_safetensors(path, rollout_arrays())); break;
  case container::json_lines:
    for_each_line(path, [&](json_line const& line) { rollouts.push_back(read_rollout(line)); });
  }
  for (rollout& r : rollouts) r.file = path;
  if (rollouts.empty()) throw input_error(fmt::format("{}: the file holds no response", path));
  return rollouts;
}

void read_top_k(std::string const& path, std::vector<rollout>& rollouts) {
  std::size_t k = 0;
  for_each_line(path, [&](json_line const& line) {
    int const prompt = line.integer("prompt", -1);
    int const sample = line.integer("sample", -1);
    auto const same = [&](rollout const& r) { return r.prompt == prompt && r.sample == sample; };
    auto const found = std::find_if(rollouts.begin(), rollouts.end(), same);
    if (found == rollouts.end()) {
      line.fail(fmt::format("the rollout file has no response with prompt {} and sample {} (-1: not given)", prompt,
                            sample));
    }
    if (found->ids.empty()) {
      line.fail(fmt::format("Top-K lists need \"response_ids\", which {} of the rollout file lacks", found->place()));
    }
    found->lists = read_lists(line, found->size());
    if (k == 0) k = found->lists.k;
    if (found->lists.k != k) {
      line.fail(fmt::format("\"ids\" lists {} ids a token, but in the lines before {}: K must be the same",
                            found->lists.k, k));
    }
  });
}

std::vector<int> known_updates(std::vector<rollout> const& rollouts) {
  std::vector<int> known;
  for (auto const& [updates, values] : rollouts.front().log_prob) {
    bool const everywhere = std::all_of(rollouts.begin(), rollouts.end(),
                                        [u = updates](rollout const& r) { return r.log_prob.count(u) > 0; });
    if (everywhere) known.push_back(updates);
  }
  return known;
}

}  // namespace demo
