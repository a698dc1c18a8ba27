/// @file
/// The gradient of one row of logits, by a block of threads; see row_gradient.hpp.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/block_tile.hpp>
#include <cppo/logits/row_gradient.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Vectors of elements that are floats.
template <int N>
struct row_group {
  float_lane x[std::size_t{N}];

  /// Reads N elements, from an address that is a multiple of 16.
  CPPO_HOST_DEVICE void read(void const* data, element_type type, index_t first) noexcept {
    char const* const from = static_cast<char const*>(data) + first * size_of(type);
    with_type(type, [&](auto constant) {
      constexpr element_type kind = decltype(constant)::value;
      constexpr int each = kind == element_type::f32 ? 4 : 8;
      CPPO_UNROLL_ON_DEVICE
      for (int k = 0; k < N / each; ++k) {  // none of 8, where N is 4: then all are floats
        row_vector const v = row_vector::read(from + k * 16);
        for (int u = 0; u < each; ++u) x[k * each + u] = float_lane(v.template at<kind>(u));
      }
    });
  }
  /// Writes them as elements, each rounded as `store` does.
  CPPO_HOST_DEVICE void write(void* data, element_type type, index_t first) const noexcept {
    char* const to = static_cast<char*>(data) + first * size_of(type);
    if (type == element_type::f32) {
      for (int k = 0; k < N; k += 4) four(k).write(to + k * 4);
    } else if constexpr (N == 8) {
      if (type == element_type::bf16) eight<element_type::bf16>().write(to);
      else eight<element_type::f16>().write(to);
    }
  }
  /// The first 16 bytes of what `write` writes.
  CPPO_HOST_DEVICE row_vector first_vector(element_type type) const noexcept {
    if (type == element_type::f32) return four(0);
    return type == element_type::bf16 ? eight<element_type::bf16>() : eight<element_type::f16>();
  }

 private:
  CPPO_HOST_DEVICE row_vector four(int k) const noexcept {
    row_vector v;
    for (int u = 0; u < 4; ++u) v.word[u] = bits_as<std::uint32_t>(x[k + u].raw());
    return v;
  }
  template <element_type Type>
  CPPO_HOST_DEVICE row_vector eight() const noexcept {
    auto const word = [&](int k) -> std::uint32_t {
      if constexpr (Type == element_type::bf16) return to_bfloat16(x[k].raw()).bits;
      else return to_half(x[k].raw()).bits;
    };
    row_vector v;
    for (int u = 0; u < 4; ++u) v.word[u] = word(2 * u) | word(2 * u + 1) << 16;
    return v;
  }
};

/// What the threads of a block share of a row's gradient.
struct shared_gradient {
  gradient_scale scale;
  float sampled;  ///< the derivative by the sampled id's logit
};

/// The gradient of a row, of which `out` may be the memory, on `Block`.
template <class Block>
class block_gradient {
 public:
  using storage = shared_gradient;

  CPPO_HOST_DEVICE block_gradient(Block& block, storage& shared, logit_rows const& in, logit_rows const& out,
                                  index_t row) noexcept
      : block_(block),
        shared_(shared),
        in_(in),
        row_(row),
        from_(in.row(row)),
        to_(const_cast<void*>(out.row(row))),
        to_type_(out.type()),
        cut_(from_, in.type(), in.vocabulary()) {}

  /// Sets the whole row to +0 or NaN.
  CPPO_HOST_DEVICE void fill(float x) noexcept {
    row_cut const cut(to_, to_type_, in_.vocabulary());
    row_group<8> all;
    for (float_lane& y : all.x) y = float_lane(x);
    block_.each([&](int th) {
      for (index_t k = th; k < cut.head; k += Block::threads) store(to_, to_type_, k, x);
      for (index_t v = th; v < cut.vectors; v += Block::threads) {
        char* const at = static_cast<char*>(to_) + (cut.head + v * cut.each) * size_of(to_type_);
        all.first_vector(to_type_).write(at);
      }
      for (index_t k = cut.tail() + th; k < cut.size; k += Block::threads) store(to_, to_type_, k, x);
    });
  }
  /// Writes the gradient.
  CPPO_HOST_DEVICE void run(row_slopes const& r) noexcept {
    sampled_ = in_.holds(r.sampled) ? r.sampled - in_.first_id() : -1;
    block_.each([&](int th) {
      if (th != 0) return;
      shared_.scale = gradient_scale(r);
      shared_.sampled = sampled_ >= 0 ? sampled_gradient(r, in_(row_, r.sampled)) : 0.0F;
    });
    if (r.entropy_slope == 0.0) run_with<entropy_term::none>();
    else run_with<entropy_term::added>();
  }

 private:
  template <entropy_term Entropy>
  CPPO_HOST_DEVICE void run_with() noexcept {
    bool const floats = in_.type() == element_type::f32 && to_type_ == element_type::f32;
    auto const to = reinterpret_cast<std::uintptr_t>(to_) + static_cast<std::uintptr_t>(cut_.head * size_of(to_type_));
    if (to % 16 != 0) run_in_groups<Entropy, 4>(0, 0);
    else if (floats) run_in_groups<Entropy, 4>(cut_.head, cut_.vectors);
    else run_in_groups<Entropy, 8>(cut_.head, (cut_.size - cut_.head) / 8);
  }
  /// Groups of N elements from `head` on, and the elements beside them one by one.
  template <entropy_term Entropy, int N>
  CPPO_HOST_DEVICE void run_in_groups(index_t head, index_t groups) noexcept {
    gradient_scale const scale = shared_.scale;
    block_.each([&](int th) {
      for (index_t g = th; g < groups; g += Block::threads) write_group<Entropy, N>(scale, head + g * N);
      for (index_t k = th; k < head; k += Block::threads) write_one<Entropy>(scale, k);
      for (index_t k = head + groups * N + th; k < cut_.size; k += Block::threads) write_one<Entropy>(scale, k);
    });
  }
  template <entropy_term Entropy, int N>
  CPPO_HOST_DEVICE void write_group(gradient_scale const& scale, index_t first) const noexcept {
    row_group<N> logit, d;
    logit.read(from_, in_.type(), first);
    scale.template apply<Entropy>(logit.x, d.x);
    for (int u = 0; u < N; ++u) {
      if (first + u == sampled_) d.x[u] = float_lane(shared_.sampled);
    }
    d.write(to_, to_type_, first);
  }
  template <entropy_term Entropy>
  CPPO_HOST_DEVICE void write_one(gradient_scale const& scale, index_t k) const noexcept {
    float_lane const logit[1] = {float_lane(load<float>(from_, in_.type(), k))};
    float_lane d[1];
    scale.template apply<Entropy>(logit, d);
    store(to_, to_type_, k, k == sampled_ ? shared_.sampled : d[0].raw());
  }

  Block& block_;
  storage& shared_;
  logit_rows const& in_;
  index_t row_;
  void const* from_;
  void* to_;
  element_type to_type_;
  row_cut cut_;
  index_t sampled_ = -1;  // its column; -1: it is none
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
