// States of folds as whole numbers, which go between languages, micro-batches and ranks: read, checked and written.
#pragma once

#include <cppo/algorithm/checks.hpp>
#include <cppo/fold/fold_state.hpp>

#include <bit>
#include <cstdint>
#include <span>

namespace c_api {

using word_view = std::span<std::int64_t const>;

inline constexpr std::size_t state_words = 5;

/// Reads words from the front of others. Pre: there are as many.
class word_reader {
 public:
  explicit word_reader(word_view& from) noexcept : from_(from) {}
  std::int64_t next() noexcept {
    std::int64_t const x = from_.front();
    from_ = from_.subspan(1);
    return x;
  }
  cppo::fold_state state() noexcept {
    cppo::fold_state s;
    s.sum.high = next();
    s.sum.low = next();
    s.count = next();
    s.least = std::bit_cast<double>(next());
    s.most = std::bit_cast<double>(next());
    return s;
  }

 private:
  word_view& from_;
};

/// Writes words one after the other. Pre: there is room.
class word_writer {
 public:
  explicit word_writer(std::int64_t* to) noexcept : to_(to) {}
  void next(std::int64_t x) noexcept { *to_++ = x; }
  void state(cppo::fold_state const& s) noexcept {
    for (std::int64_t const x : {std::int64_t{s.sum.high}, std::int64_t{s.sum.low}, std::int64_t{s.count}}) next(x);
    for (double const x : {s.least, s.most}) next(std::bit_cast<std::int64_t>(x));
  }

 private:
  std::int64_t* to_;
};

/// True if it can be a state of items, each within `limit` of 0, which adds up with others.
inline bool can_be(cppo::fold_state const& s, double limit = cppo::divergence_limit) noexcept {
  constexpr std::int64_t most_items = std::int64_t{1} << 35;  // as many of the largest value as `can_add_to` allows
  bool const extremes = s.count == 0 || (s.least >= -limit && s.least <= s.most && s.most <= limit);
  return s.count >= 0 && s.count <= most_items && extremes && cppo::detail::can_add_to(s.sum);
}

}  // namespace c_api
