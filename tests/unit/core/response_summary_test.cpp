// Totals of pieces add up to those of the whole, in any order.
#include "support/property.hpp"

#include <cppo/core/response_summary.hpp>
#include <cppo/execution/call/inspection.hpp>

namespace {

using namespace cppo;

response_summary summary_of(std::vector<int> const& sixteenths) {
  response_summary s;
  for (int const x : sixteenths) detail::observe(s, static_cast<double>(x % 1000) / 16.0);
  return s;
}

bool same(response_summary const& a, response_summary const& b) {
  return a.length == b.length && a.max_divergence == b.max_divergence && a.divergence_sum == b.divergence_sum &&
         a.bad_tokens == b.bad_tokens && a.delta_b == b.delta_b;
}

}  // namespace

TEST_CASE("combined summaries are those of the whole", "[core]") {
  cppo_test::property("concatenation", [](std::vector<int> a, std::vector<int> const& b) {
    response_summary const parts = combine(summary_of(a), summary_of(b));
    bool const commutes = same(parts, combine(summary_of(b), summary_of(a)));
    a.insert(a.end(), b.begin(), b.end());
    return commutes && same(parts, summary_of(a));
  });
  cppo_test::property("associative",
                      [](std::vector<int> const& a, std::vector<int> const& b, std::vector<int> const& c) {
                        auto const x = summary_of(a), y = summary_of(b), z = summary_of(c);
                        return same(combine(combine(x, y), z), combine(x, combine(y, z)));
                      });
}

TEST_CASE("an empty piece changes nothing, whatever the signs", "[core]") {
  response_summary const negative = summary_of({-32, -16});  // signed divergences, k1: the maximum is below 0
  CHECK(same(combine(negative, {}), negative));
  CHECK(same(combine({}, negative), negative));
  response_summary const one = summary_of({-32}), large = summary_of({32});
  CHECK(same(combine(one, {}), one));
  CHECK(same(combine({}, one), one));
  CHECK(same(combine(large, one), combine(one, large)));
  CHECK(combine(one, large).max_divergence == 2.0);
  CHECK(negative.max_divergence == -1.0);
  CHECK(negative.mean_divergence() == -1.5);
  CHECK(response_summary{}.mean_divergence() == 0.0);
  response_summary spoilt = negative;
  spoilt.bad_tokens = 2;
  CHECK(combine(spoilt, spoilt).bad_tokens == 4);
}
