// Regions that their users compiled.
#include "on_compiled.hpp"

#include <algorithm>

namespace {

using c_api::refuse;
using c_api::word;
using cppo::argument;

bool make(c_api::compiled_region const* by, double const* numbers, std::int64_t count, cppo_region* into,
          cppo_status& s) noexcept {
  if (!c_api::given(by, "object", s) || !c_api::given(into, "region", s)) return false;
  if (by->tag != c_api::layout_tag()) {
    return c_api::came_to_status(static_cast<int>(c_api::ending::other_version), "this region", s);
  }
  if (count != by->numbers) {
    return refuse(s, cppo_bad_argument, argument::none, word("count is "), count, word(", but the region takes "),
                  cppo::index_t{by->numbers}, word(" numbers"));
  }
  if (count > 0 && !c_api::given(numbers, "numbers", s)) return false;
  c_api::compiled_bytes made;
  made.by = by;
  std::copy(numbers, numbers + count, made.numbers);
  std::uint32_t inputs = 0;
  cppo::status ended;
  if (!c_api::came_to_status(by->make(numbers, made.region, &inputs, &ended), "this region", s)) return false;
  made.inputs = inputs;
  if (!c_api::take(ended, s)) return false;
  c_api::write(made, *into);
  return true;
}

}  // namespace

std::int32_t cppo_region_compiled(void const* object, double const* numbers, std::int64_t count, cppo_region* region,
                                  cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) {
    make(static_cast<c_api::compiled_region const*>(object), numbers, count, region, s);
  });
}
