// Public codes, for reproducing a run: a region and options of the call.
#include "name_list.hpp"
#include "options.hpp"
#include "region.hpp"

#include <cppo/described_rule/parity.hpp>

namespace {

using cppo::argument;

/// Writes the options of a code into those of the caller.
void write(cppo::loss_options const& from, cppo_options& into) noexcept {
  into.aggregate = static_cast<std::int32_t>(from.aggregate);
  into.positions = static_cast<std::int32_t>(from.positions);
  into.surrogate = static_cast<std::int32_t>(from.surrogate.form);
  into.log_ratio_clamp = from.surrogate.log_ratio_clamp;
  into.ratio_cap = from.surrogate.ratio_cap;
}
void parse(char const* text, double const* numbers, std::int64_t count, cppo_region* region, cppo_options* options,
           cppo_status& s) {
  cppo_options checked;
  if (!c_api::given(text, "text", s) || !c_api::given(region, "region", s) ||
      !c_api::given(options, "options", s) || !c_api::take_structure_of_options(options, checked, s) ||
      !c_api::take_numbers(numbers, count, s)) {
    return;
  }
  auto const parsed = cppo::parse_code(text, {numbers, static_cast<std::size_t>(count)});
  if (!parsed) return (void)c_api::refuse(s, cppo_bad_text, argument::region, parsed.error);
  c_api::write(parsed.region, *region);
  write(parsed.options, *options);
}

c_api::name_list all_codes() noexcept {
  c_api::name_list all;
  cppo::each_code([&all](c_api::word name, c_api::word parameters) {
    c_api::named_part p{name.data(), "code", {}};
    p.parameters.append(parameters);
    all.add(p);
  });
  return all;
}
c_api::named_part const* code(std::int64_t i) noexcept {
  static c_api::name_list const all = all_codes();
  return all.at(i);
}

}  // namespace

std::int32_t cppo_parity_parse(char const* text, double const* numbers, std::int64_t count, cppo_region* region,
                               cppo_options* options, cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) { parse(text, numbers, count, region, options, s); });
}
char const* cppo_parity_name(std::int64_t i) { return code(i) != nullptr ? code(i)->name : nullptr; }
char const* cppo_parity_parameters(std::int64_t i) {
  return code(i) != nullptr ? code(i)->parameters.c_str() : nullptr;
}
