// check_gate passes admissible gates and names the condition that a broken one breaks, and where.
#include "support/catch_compat.hpp"

#include <cppo/gate.hpp>
#include <cppo/testing/gate_check.hpp>

namespace {

using namespace cppo;
using testing::check_gate;
using testing::gate_fault;

struct square {
  template <class V>
  constexpr V operator()(V x) const {
    return select(x > V(1), V(1) / (x * x), V(1));
  }
};
// 1.5 / (x + 0.5): past 1/x for every x > 1.
struct too_generous {
  template <class V>
  constexpr V operator()(V x) const {
    return select(x > V(1), V(1.5) / (x + V(0.5)), V(1));
  }
};
struct too_early {
  template <class V>
  constexpr V operator()(V x) const {
    return select(x > V(0.9), V(0.5) / x, V(1));
  }
};
struct comes_back {
  template <class V>
  constexpr V operator()(V x) const {
    return select(x > V(4), V(0.25), select(x > V(1), V(0.2), V(1)));
  }
};
struct negative {
  template <class V>
  constexpr V operator()(V x) const {
    return select(x > V(2), V(-0.1), select(x > V(1), V(1) / x, V(1)));
  }
};
struct above_one {
  template <class V>
  constexpr V operator()(V x) const {
    return select(x > V(1), V(0), V(1.25));
  }
};
// Falls below 0 where 1/x = (x - 1)/16.
struct line {
  template <class V>
  constexpr V operator()(V x) const {
    return select(x > V(1), V(1) / x - (x - V(1)) * V(0.0625), V(1));
  }
};
// Forgets that the largest floats exist.
struct wakes_up_late {
  template <class V>
  constexpr V operator()(V x) const {
    return select(x > V(3e38), V(1e-37), select(x > V(1), V(0), V(1)));
  }
};
struct not_a_number {
  template <class V>
  constexpr V operator()(V x) const {
    return select(x > V(1), (x - x) / (x - x), V(1));
  }
};

void fails(gate_fault const& fault, std::string_view condition, double low, double high) {
  INFO("x = " << fault.x << ", g(x) = " << fault.value << ", " << fault.condition);
  CHECK(fault.found);
  CHECK(fault.condition == condition);
  CHECK(static_cast<double>(fault.x) >= low);
  CHECK(static_cast<double>(fault.x) <= high);
}

}  // namespace

TEST_CASE("admissible gates pass", "[testing]") {
  CHECK_FALSE(check_gate(reciprocal_gate));
  CHECK_FALSE(check_gate(hard_gate));
  CHECK_FALSE(check_gate(square{}));
}

TEST_CASE("a broken gate is caught at the condition it breaks, at the first place", "[testing]") {
  fails(check_gate(too_generous{}), "x g(x) <= 1", 1.0, 1.0001);
  fails(check_gate(too_early{}), "g(x) = 1 for x <= 1", 0.9, 0.9001);
  fails(check_gate(comes_back{}), "g is non-increasing", 4.0, 4.01);
  fails(check_gate(negative{}), "0 <= g(x) <= 1", 2.0, 2.0001);
  fails(check_gate(above_one{}), "0 <= g(x) <= 1", 0.0, 0.0);
  fails(check_gate(line{}), "0 <= g(x) <= 1", 4.5, 4.7);  // 1/x = (x - 1)/16 at (1 + sqrt 65)/2 = 4.53
  fails(check_gate(wakes_up_late{}), "g is non-increasing", 3e38, 3.41e38);
  fails(check_gate(not_a_number{}), "0 <= g(x) <= 1", 1.0, 1.0000002);
}

TEST_CASE("the probes rise, and hold 1, its neighbour and the largest float", "[testing]") {
  std::uint32_t before = 0;
  int marks = 0;
  bool rises = true;
  for (std::uint32_t bits = testing::next_probe(0); bits < 0x7f800000U; bits = testing::next_probe(bits)) {
    rises = rises && bits > before;
    before = bits;
    marks += bits == 0x3f800000U || bits == 0x3f800001U || bits == 0x7f7fffffU ? 1 : 0;
  }
  CHECK(rises);
  CHECK(marks == 3);
}
