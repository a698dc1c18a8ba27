// Regions: from text, as text, what they read, and the names that a text may hold.
#include "region.hpp"

#include "name_list.hpp"

#include <cppo/described/divergence.hpp>
#include <cppo/described/table.hpp>
#include <cppo/described_rule/parse.hpp>
#include <cppo/described_rule/to_text.hpp>

#include <algorithm>
#include <cstdlib>

namespace {

using c_api::refuse;
using c_api::word;
using cppo::argument;

bool parse(char const* text, double const* numbers, std::int64_t count, cppo_region* region, cppo_status& s) {
  if (!c_api::given(text, "text", s) || !c_api::given(region, "region", s)) return false;
  if (!c_api::take_numbers(numbers, count, s)) return false;
  std::span<double const> const lent(numbers, static_cast<std::size_t>(count));
  auto const parsed = cppo::parse_region(text, lent);
  if (parsed) return c_api::write(parsed.region, *region), true;
  auto const rule = cppo::parse_rule(text, lent);
  if (rule) return c_api::write(rule.rule, *region), true;
  // The reading that came farther knows what was meant. A rule that is wrong as a whole, as one that is too large, was
  // read to its end.
  bool const whole = rule.column == 1;
  return refuse(s, cppo_bad_text, argument::region, whole || rule.column >= parsed.column ? rule.error : parsed.error);
}

/// The bits of an input, by the ids under which it is lent.
std::uint64_t bits_of(argument a) noexcept {
  auto const bit = [](int id) { return std::uint64_t{1} << id; };
  switch (a) {
    case argument::response_mask: return bit(cppo_response_mask);
    case argument::divergence: return bit(cppo_divergence_values);
    case argument::token_weight: return bit(cppo_token_weight);
    case argument::entropy: return bit(cppo_entropy);
    case argument::reference_log_prob: return bit(cppo_reference_log_prob);
    case argument::token_id:  // it is looked for in the lists
      return bit(cppo_token_id) | bit(cppo_top_k_ids) | bit(cppo_top_k_log_probs) | bit(cppo_top_k_rollout_log_probs);
    default: return 0;
  }
}

/// What made a compiled region, with its numbers.
cppo::region_text text_of(c_api::compiled_bytes const& r) noexcept {
  cppo::region_text text;
  for (char const* p = r.by->text; *p != '\0';) {
    char* end = nullptr;
    unsigned long const k = *p == '$' ? std::strtoul(p + 1, &end, 10) : 0;
    if (end == nullptr || end == p + 1 || k >= static_cast<unsigned long>(r.by->numbers)) text.append(word(p++, 1));
    else text.append_exactly(r.numbers[k]), p = end;
  }
  return text;
}

/// The names that the text of a region may hold.
c_api::name_list all_parts() noexcept {
  c_api::name_list all;
  auto const kind_name = [](cppo::detail::part_kind k) {
    return cppo::detail::part_kind_names[static_cast<int>(k)].data();
  };
  for (auto const& row : cppo::detail::part_rows) {
    c_api::named_part p{row.name.data(), kind_name(row.makes), {}};
    for (int i = 0; i < row.parameters(); ++i) {
      p.parameters.append(word(i == 0 ? "" : ", "));
      p.parameters.append(row.takes[i].name);
    }
    all.add(p);
  }
  for (std::string_view const d : cppo::divergence_names())
    all.add({d.data(), kind_name(cppo::detail::part_kind::divergence), {}});
  all.add_words(cppo::detail::rule_vocabulary());
  return all;
}
c_api::named_part const* part(std::int64_t i) noexcept {
  static c_api::name_list const all = all_parts();
  return all.at(i);
}

}  // namespace

std::int32_t cppo_region_parse(char const* text, double const* numbers, std::int64_t count, cppo_region* region,
                               cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) { parse(text, numbers, count, region, s); });
}

std::int64_t cppo_region_text(cppo_region const* region, char* text, std::int64_t room) {
  cppo_status s;
  c_api::lent_region r;
  if (!c_api::take_region(region, r, s)) return -1;
  bool const is_compiled = r.is_asked() && !r.is_rule();
  cppo::region_text const of_region = is_compiled ? text_of(r.compiled) : to_text(r.described);
  cppo::rule_text const of_rule = r.is_rule() ? to_text(r.rule) : cppo::rule_text();
  word const all = r.is_rule() ? word(of_rule) : word(of_region);
  return c_api::copy_text(all, text, room);
}

std::uint64_t cppo_region_reads(cppo_region const* region) {
  cppo_status s;
  c_api::lent_region r;
  std::uint64_t bits = 0;
  if (!c_api::take_region(region, r, s)) return bits;
  for (std::uint64_t i = 0; i < 32; ++i) {
    if ((r.compiled.inputs >> i & 1U) != 0) bits |= bits_of(static_cast<argument>(i));
  }
  auto const add = [&bits](argument a) { bits |= bits_of(a); };
  if (r.is_rule()) each_input_of(r.rule, add);
  else if (!r.is_asked()) each_input_of(r.described, add);
  return bits;
}

std::int32_t cppo_region_calibrates(cppo_region const* region) {
  cppo_status s;
  c_api::lent_region r;
  return c_api::take_region(region, r, s) && c_api::calibrates(r) ? 1 : 0;
}

char const* cppo_part_name(std::int64_t i) { return part(i) != nullptr ? part(i)->name : nullptr; }
char const* cppo_part_kind(std::int64_t i) { return part(i) != nullptr ? part(i)->kind : nullptr; }
char const* cppo_part_parameters(std::int64_t i) { return part(i) != nullptr ? part(i)->parameters.c_str() : nullptr; }
