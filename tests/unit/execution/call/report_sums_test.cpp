// Where the bins of positions begin, up to lengths that 32 bits do not hold.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/call/report_sums.hpp>

// Whose place in memory no compiler overlooks: read past either array, this is no constant.
static_assert([] {
  cppo::detail::lane_sums<float> sums;
  for (cppo::index_t i = 0; i < 600; ++i) sums.add(i, 0.25F);
  return sums.total();
}() == 150.0);

TEST_CASE("a call ends with the first bad place, and with a piece's only where there is no other", "[execution]") {
  using cppo::status, cppo::status_code;
  status const fine, piece{status_code::piece_rejected, cppo::argument::options, 1, -1, 1},
      own{status_code::log_prob_invalid, cppo::argument::log_prob, 2, 3, 1};
  for (status const& next : {fine, piece, own}) {
    CHECK(cppo::detail::tells_more(fine, next) == !next.ok());
    CHECK(cppo::detail::tells_more(piece, next) == (next.code == own.code));
    CHECK_FALSE(cppo::detail::tells_more(own, next));
  }
}

TEST_CASE("the first position past a bin is the first that the next bins hold", "[execution]") {
  using namespace cppo;
  using detail::position_after;
  using detail::position_bin;
  std::vector<index_t> lengths{107374181, 107374182, 107374183, 2147483647, index_t{1} << 33, (index_t{1} << 40) + 7};
  for (index_t n = 1; n <= 300; ++n) lengths.push_back(n);
  for (index_t const n : lengths) {
    for (int bin = 0; bin + 1 < report::bins; ++bin) {
      index_t const after = position_after(bin, n);
      INFO("bin " << bin << " of " << n);
      REQUIRE(position_bin(after, n) > bin);
      REQUIRE((after == 1 || position_bin(after - 1, n) <= bin));
    }
  }
}
