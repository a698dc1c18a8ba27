/// @file
/// One response as registers read it, and the divergences of its tokens where these are not measured one by one.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/seq.hpp>
#include <cppo/execution/simd/columns.hpp>
#include <cppo/execution/simd/divergences.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// One response of a call as registers read it, which does not depend on the region.
class simd_walk {
 public:
  simd_walk(simd_call const& from, index_t b) noexcept
      : from_(from), call_(from.call), b_(b), at_(call_.batch.shape(), b),
        map_(map_tokens(call_.batch[argument::response_mask], call_.batch.shape(), b)) {}

  /// Valid tokens, 0 if the response is rejected.
  index_t count() const noexcept {
    return !is_rejected() && map_.binary && valid() ? map_.tokens : count_response(call_, b_).tokens;
  }

 protected:
  /// True if registers cannot run the response, whatever its input is.
  bool is_for_seq() const noexcept {
    bool const scattered = call_.by_column() && !map_.in_one_run();
    return from_.never_on_registers || scattered || is_rejected() || !map_.binary ||
           first_position() - 1 + map_.tokens > longest_on_registers;
  }
  bool is_rejected() const noexcept { return rejected_elsewhere(call_, b_) || call_.folds.leaves_out(b_); }
  /// The position of the first token.
  index_t first_position() const noexcept {
    return (call_.by_column() ? map_.first : call_.tokens_before(b_)) + 1;
  }
  response_reader reader(response_writer const* gaps = nullptr) const noexcept {
    return {from_, at_, map_, gaps};
  }
  bool valid() const noexcept {
    response_reader all = reader();
    return response_valid(all, call_.log_probs);
  }
  /// True if the batch is too large to be in a cache, before the call or after it.
  bool out_of_cache() const noexcept {
    constexpr index_t tokens = index_t{1} << 22;  // about 70 MB of inputs and outputs
    if constexpr (can_stream) return call_.batch.shape().covered() > tokens;
    else return false;
  }

  simd_call const& from_;
  checked_call<float> const& call_;
  index_t b_;
  response_place at_;
  token_map map_;
};

/// The same under a region, whose divergence it knows.
template <class Region>
class simd_measured : public simd_walk {
 protected:
  simd_measured(task<float, Region> const& t, simd_call const& from, index_t b) noexcept
      : simd_walk(from, b), task_(t) {}

  /// True if D is measured from lists on registers, where they are checked too.
  bool reads_lists_here() const noexcept {
    using D = typename Region::divergence_type;
    if constexpr (measures_on<D, simd_lane>)
      return asks_for_lists(task_.region.divergence()) && task_.batch.lists().k <= longest_list;
    else return false;
  }
  /// Computes D of a chunk that is not measured where tokens are decided. False if lists that it reads are bad.
  bool measure(token_chunk const& chunk, token_lanes const& in, float* out) const {
    using D = typename Region::divergence_type;
    if constexpr (measures_on<D, simd_lane>) {
      if (!asks_for_lists(task_.region.divergence()) || reads_lists_here()) {
        return measure_apart(task_.region.divergence(), {task_.batch, b_, task_.log_probs}, chunk, in, out);
      }
    }
    chunk.each([&](int k, index_t slot) {
      top_k_row<float> lists;
      out[k] = load_token(task_, b_, slot, lists).divergence().raw();
    });
    return true;
  }

  /// Gives a chunk its ranks for folds, and its D, if that is known before the tokens are decided. False if the lists
  /// that it reads are bad.
  bool take_divergences(token_chunk const& chunk, token_lanes& in, response_reader& from) const {
    if constexpr (has_folds<Region>) in.rank = from.rank();
    if (known_ != nullptr) in.divergence = known_ + from.rank();
    else if (!is_measured_here(task_.region.divergence())) {
      in.divergence = from.divergences();
      return measure(chunk, in, from.divergences());
    }
    return true;
  }

  task<float, Region> const& task_;
  float const* known_ = nullptr;  // D of every token, where a first pass found it
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
