// expect first: operator() of a mask returns what a comparison of lanes gives
// expect errors: 1
// expect lines: 10
#include <cppo/cppo.hpp>

struct first_tokens {
  template <class V>
  bool operator()(cppo::token<V> const& t) const {
    return t.at()[0] < 8;
  }
};
auto const rule = cppo::toward_rollout | first_tokens{};
