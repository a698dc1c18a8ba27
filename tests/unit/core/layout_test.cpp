#include <cppo/core/layout.hpp>

#include "support/catch_compat.hpp"

using namespace cppo;

TEST_CASE("some responses of a layout keep their slots, or begin at their own row", "[core]") {
  std::int32_t const cuts[] = {2, 5, 5, 9, 11};
  layout const middle = layout(packed(cuts, 4).with_capacity(12)).some(1, 2);
  CHECK((middle.responses() == 2 && middle.elements() == 12 && middle.check().ok()));
  CHECK((middle.begin(0) == 5 && middle.slots(0) == 0 && middle.begin(1) == 5 && middle.slots(1) == 4));
  CHECK(middle.spare() == 0);  // slots of others are left alone
  layout const rows = padded(5, 3).some(3, 2);
  CHECK((rows.responses() == 2 && rows.width() == 3 && rows.begin(1) == 0 && rows.elements() == 6));
}
