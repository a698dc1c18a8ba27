// expect first: a fold is computed before prefix sums and statistics of the divergence: fold what the token itself is given, or other folds, such as response(most(divergence))
// expect: a halving_sum is taken over from(...)
// expect: a k-th value, and a trimmed or capped one, is taken over response(...) or batch(...)
// expect: a variance, a deviation, a weighted mean and a mean of others are taken over response(...), batch(...) or group(...)
#include <cppo/cppo.hpp>
#include <cppo/fold.hpp>

using namespace cppo;

auto const kept = batch(count(prefix_budget(0.1, 0.01)));
auto const future = before(halving_sum(log_ratio, 32));
auto const kth = upto(kth_largest(log_ratio, 3));
auto const spread = upto(deviation(log_ratio));
