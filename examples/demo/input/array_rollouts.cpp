#include "input/array_rollouts.hpp"

#include "input/input_error.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace demo {

namespace {

constexpr std::string_view names[] = {
    "rollout_log_prob", "log_prob",  "advantage",       "response_mask",           "cu_seqlens", "token_id",
    "response_ids",     "top_k_ids", "top_k_log_probs", "top_k_rollout_log_probs", "divergence", "divergence_values"};

/// The slots of each response, in arrays of the layout that rollout_log_prob has.
class response_arrays {
 public:
  response_arrays(std::string const& path, number_arrays const& arrays) : path_(path), arrays_(arrays) {
    main_ = &needed("rollout_log_prob");
    slots_ = main_->values.size();
    if (has("cu_seqlens")) {
      read_offsets(needed("cu_seqlens"));
    } else if (main_->shape.size() == 1) {
      begins_ = {0, slots_};
    } else {
      if (main_->shape.size() != 2 || main_->shape[1] == 0) {
        fail("rollout_log_prob", "must have shape [B, T] with T above 0, or [N] beside cu_seqlens");
      }
      for (std::size_t b = 0; b <= main_->shape[0]; ++b) begins_.push_back(b * main_->shape[1]);
    }
  }

  /// Throws `input_error` if there are lists without the ids that were sampled.
  void check_lists() const {
    if (k() > 0 && !has("token_id") && !has("response_ids")) fail("top_k_ids", "needs \"token_id\" beside it");
  }
  std::size_t responses() const { return begins_.size() - 1; }
  std::size_t size(std::size_t b) const { return begins_[b + 1] - begins_[b]; }
  bool has(std::string_view name) const { return arrays_.find(name) != arrays_.end(); }
  /// K of the Top-K lists; 0 if there are none.
  std::size_t k() const {
    auto const found = arrays_.find("top_k_ids");
    return found == arrays_.end() || found->second.shape.empty() ? 0 : found->second.shape.back();
  }

  /// The numbers of response b, `per_slot` for each slot.
  std::vector<float> numbers(std::string_view name, std::size_t b, std::size_t per_slot = 1) const {
    number_array const& a = needed(name);
    bool const lists = name.starts_with("top_k");
    std::vector<std::size_t> shape = main_->shape;
    if (lists) shape.push_back(per_slot);
    if (a.shape == shape) return part(a, begins_[b] * per_slot, begins_[b + 1] * per_slot);
    if (!lists && is_per_response(a)) return std::vector<float>(size(b), static_cast<float>(a.values[b]));
    fail(name, fmt::format("has shape [{}], but \"rollout_log_prob\" has [{}]", fmt::join(a.shape, ", "),
                           fmt::join(main_->shape, ", ")));
  }

  /// The same, as token ids.
  std::vector<std::int32_t> ids(std::string_view name, std::size_t b, std::size_t per_slot = 1) const {
    std::vector<std::int32_t> values;
    for (float const x : numbers(name, b, per_slot)) {
      if (!(x >= -1.0F && x <= 16777216.0F) || x != std::floor(x)) {
        fail(name, fmt::format("must hold token ids from -1 to 16777216, but holds {} in response {}", x, b + 1));
      }
      values.push_back(static_cast<std::int32_t>(x));
    }
    return values;
  }

  std::vector<std::uint8_t> mask(std::size_t b) const {
    if (!has("response_mask")) return std::vector<std::uint8_t>(size(b), 1);
    std::vector<std::uint8_t> mask;
    for (float const x : numbers("response_mask", b)) {
      if (x != 0.0F && x != 1.0F) fail("response_mask", fmt::format("is neither 0 nor 1 in response {}", b + 1));
      mask.push_back(x == 1.0F ? 1 : 0);
    }
    return mask;
  }

 private:
  [[noreturn]] void fail(std::string_view name, std::string const& what) const {
    throw input_error(fmt::format("{}: \"{}\" {}", path_, name, what));
  }

  number_array const& needed(std::string_view name) const {
    auto const found = arrays_.find(name);
    if (found == arrays_.end()) throw input_error(fmt::format("{}: the array \"{}\" is missing", path_, name));
    return found->second;
  }

  bool is_per_response(number_array const& a) const {
    return a.values.size() == responses() && (a.shape.size() == 1 || (a.shape.size() == 2 && a.shape[1] == 1));
  }

  void read_offsets(number_array const& a) {
    if (main_->shape.size() != 1) fail("rollout_log_prob", "must have shape [N] beside cu_seqlens");
    for (double const x : a.values) {
      bool const good = x == std::floor(x) && x >= 0.0 && x <= static_cast<double>(slots_);
      if (!good || static_cast<std::size_t>(x) < (begins_.empty() ? 0 : begins_.back())) {
        fail("cu_seqlens", "must be whole numbers that never fall");
      }
      begins_.push_back(static_cast<std::size_t>(x));
    }
    if (begins_.empty() || begins_.front() != 0 || begins_.back() != slots_) {
      fail("cu_seqlens", fmt::format("must begin with 0 and end with {}, the number of slots", slots_));
    }
  }

  static std::vector<float> part(number_array const& a, std::size_t begin, std::size_t end) {
    std::vector<float> values;
    values.reserve(end - begin);
    for (std::size_t i = begin; i < end; ++i) values.push_back(static_cast<float>(a.values[i]));
    return values;
  }

  std::string const& path_;
  number_arrays const& arrays_;
  number_array const* main_ = nullptr;
  std::size_t slots_ = 0;
  std::vector<std::size_t> begins_;
};

top_k_lists lists_of(response_arrays const& from, std::size_t b) {
  top_k_lists lists;
  lists.k = from.k();
  lists.ids = from.ids("top_k_ids", b, lists.k);
  lists.rollout_log_prob = from.numbers("top_k_rollout_log_probs", b, lists.k);
  lists.log_prob[unknown_updates] = from.numbers("top_k_log_probs", b, lists.k);
  return lists;
}

rollout response(response_arrays const& from, std::size_t b) {
  rollout r;
  r.record = "response";
  r.line = static_cast<long>(b) + 1;
  r.rollout_log_prob = from.numbers("rollout_log_prob", b);
  r.log_prob[unknown_updates] = from.numbers("log_prob", b);
  r.advantage = from.numbers("advantage", b);
  r.response_mask = from.mask(b);
  for (std::string_view const name : {"divergence", "divergence_values"}) {
    if (from.has(name)) r.divergence = from.numbers(name, b);
  }
  for (std::string_view const name : {"response_ids", "token_id"}) {
    if (from.has(name)) r.ids = from.ids(name, b);
  }
  if (from.k() > 0) r.lists = lists_of(from, b);
  return r;
}

}  // namespace

std::span<std::string_view const> rollout_arrays() { return names; }

std::vector<rollout> rollouts_of(std::string const& path, number_arrays const& arrays) {
  response_arrays const from(path, arrays);
  from.check_lists();
  std::vector<rollout> rollouts;
  for (std::size_t b = 0; b < from.responses(); ++b) rollouts.push_back(response(from, b));
  return rollouts;
}

}  // namespace demo
