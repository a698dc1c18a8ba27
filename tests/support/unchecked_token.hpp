// A part that lies: it asks a token for what it has not declared, past the check of types.
#pragma once

#include <cppo/core/token.hpp>

namespace cppo_test {

// The lanes that a part is run on, of those that it is checked on.
template <class V>
using run_lane = std::conditional_t<V::size == 1, cppo::lane<typename V::value_type>, V>;

// The same token, of which everything may be asked. Where parts are checked nothing is run.
template <class V>
cppo::token<run_lane<V>> const& unchecked(cppo::token<V> const& t) {
  return reinterpret_cast<cppo::token<run_lane<V>> const&>(t);
}
// What it answers, on the lanes that were asked for.
template <class V, class Answer>
V as(Answer answer) {
  return V::from_raw(answer.raw());
}

}  // namespace cppo_test
