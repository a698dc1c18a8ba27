/// @file
/// What must be known of a response before its tokens are decided, found by a block of threads.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/block.hpp>
#include <cppo/execution/call/inspection.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The same as `count_response` without a block. The response has `slots` slots.
template <class Block, class Real>
CPPO_HOST_DEVICE response_count count_response(Block& block, checked_call<Real> const& t, index_t b,
                                               index_t slots) noexcept {
  struct found { index_t tokens = 0, bad = 0, first = 0; };
  typename Block::template local<found> mine{};
  bool const bad_counts = t.bad_input == on_bad_input::propagate;
  block.apart([&](int th) {
    mine[th].first = slots;
    for (index_t i = th; i < slots; i += Block::threads) {
      status why;
      slot const s = inspect_slot(t, b, i, why);
      if (s == slot::bad && mine[th].bad++ == 0) mine[th].first = i;
      mine[th].tokens += s == slot::token || (s == slot::bad && bad_counts) ? 1 : 0;
    }
  });
  found const all = block.reduce(mine, [](found const& a, found const& b) {
    return found{a.tokens + b.tokens, a.bad + b.bad, a.first < b.first ? a.first : b.first};
  });
  response_count n;
  n.tokens = all.tokens;
  n.bad = all.bad;
  if (n.bad > 0) (void)inspect_slot(t, b, all.first, n.first_bad);
  settle_rejection(t, b, n);
  return n;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
