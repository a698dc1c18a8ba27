/// @file
/// An executor that takes the last response first: what one response adds does not depend on the others.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/seq.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Runs responses from the last to the first.
class backward_t : public host_executor<backward_t> {
 public:
  /// Runs a call response by response; their reports are added up in order.
  template <class Real, class Region>
  detail::outcome_fold execute(detail::task<Real, Region> const& t) const {
    std::vector<detail::response_outcome> outcomes(static_cast<std::size_t>(t.batch.shape().responses()));
    std::vector<Real> scratch;
    for (index_t b = t.batch.shape().responses(); b-- > 0;) {
      outcomes[static_cast<std::size_t>(b)] = detail::seq_response<Real, Region>(t, b, scratch).run();
    }
    detail::outcome_fold fold;
    for (detail::response_outcome const& o : outcomes) fold.add(o);
    return fold;
  }
};
/// From the last response to the first.
inline constexpr backward_t backward{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
