// Access to what a part has not declared, past the compiler's check: for tests of parts that break the rules.
#pragma once

#include <cppo/core/token.hpp>

namespace cppo_test {

// The lane on which a part runs, for the lane on which it is checked.
template <class V>
using run_lane = std::conditional_t<V::size == 1, cppo::lane<typename V::value_type>, V>;

// The same token, of which everything may be asked. Where parts are only checked, nothing runs.
template <class V>
cppo::token<run_lane<V>> const& unchecked(cppo::token<V> const& t) {
  return reinterpret_cast<cppo::token<run_lane<V>> const&>(t);
}
// The answer, on the lanes that were asked for.
template <class V, class Answer>
V as(Answer answer) {
  return V::from_raw(answer.raw());
}

}  // namespace cppo_test
