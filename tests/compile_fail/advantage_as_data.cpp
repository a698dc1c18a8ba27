// expect: an advantage rule reads reward, response_length, position_value, advantage and folds of them: policies
// expect: an advantage rule folds over group(...) and batch(...): before, upto, from and response are ranges of tokens
// expect errors: 4
#include <cppo/cppo.hpp>

#include <cppo/described_advantage.hpp>

using namespace cppo;
described_advantage const a(ratio * reward);
described_advantage const b(group(mean(hashed(1))));
described_advantage const c(where(toward_rollout | keep_all, reward, 0));
described_advantage const d(upto(mean(reward)));
