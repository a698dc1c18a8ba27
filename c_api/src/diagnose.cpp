// What is wrong with a batch.
#include "batch.hpp"
#include "on_compiled.hpp"
#include "options.hpp"
#include "region.hpp"

#include <cppo/algorithm/diagnose.hpp>

namespace {

/// The findings; false if an argument is wrong.
bool diagnose(cppo_batch const* batch, cppo_region const* region, cppo_options const* options,
              cppo::batch_diagnosis& into, cppo_status& s) {
  c_api::lent_batch b;
  c_api::lent_region r;
  cppo_options lent;
  cppo::loss_options o;
  if (!c_api::take_batch(batch, b, s) || (region != nullptr && !c_api::take_region(region, r, s)) ||
      !c_api::take_structure_of_options(options, lent, s) || !c_api::take_options(lent, o, s)) {
    return false;
  }
  if (r.is_asked()) {
    cppo::status unused;
    c_api::errand e = c_api::errand_of(r, o, unused);
    e.found = &into;
    return c_api::ask(r, &c_api::compiled_region::diagnose, b, e, s);
  }
  into = b.visit([&](auto const& view) {
    return region != nullptr ? diagnose(view, r.described, o) : diagnose(view, o);
  });
  return true;
}

}  // namespace

std::int64_t cppo_diagnose(cppo_batch const* batch, cppo_region const* region, cppo_options const* options,
                           cppo_finding* findings, std::int64_t room) {
  cppo_status s;
  cppo::batch_diagnosis found;
  if ((findings == nullptr && room > 0) || !diagnose(batch, region, options, found, s)) return -1;
  std::int64_t n = 0;
  for (cppo::ranked_finding const& f : found.ranked()) {
    if (n < room) {
      findings[n] = {static_cast<std::int64_t>(f.what), f.tokens, name(f.what).data(), sentence(f.what).data()};
    }
    ++n;
  }
  return n;
}
