// expect first: a weight has the member `template <class V> constexpr V at(cppo::position<V> t, cppo::index_t T) const`
// expect errors: 1
// expect lines: 10
#include <cppo/cppo.hpp>

struct cosine {
  float operator()(float t) const { return t; }
};
auto const region = cppo::trust_region(cppo::binary_tv, cosine{}, cppo::toward_rollout);
