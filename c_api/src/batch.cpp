#include "batch.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace c_api {

namespace {

using cppo::argument;
using cppo::element_type;
using cppo::index_t;

static_assert(cppo_f32 == static_cast<int>(element_type::f32) && cppo_bf16 == static_cast<int>(element_type::bf16) &&
              cppo_bool == static_cast<int>(element_type::boolean) && cppo_u64 == static_cast<int>(element_type::u64));
constexpr word dtype_names[] = {"f32", "f64", "f16", "bf16", "bool", "u8",  "i8",
                                "i16", "u16", "i32", "u32",  "i64",  "u64"};
constexpr int dtypes = static_cast<int>(std::size(dtype_names));

constexpr word remedy_of(holds h) noexcept {
  switch (h) {
    case holds::reals: return ", but must be f32, f64, f16 or bf16: lend it as one of them";
    case holds::integers: return ", but must be an integer of 8 to 64 bits: lend it as one";
    case holds::numbers: return "";
  }
  return "";
}
constexpr bool may_hold(holds h, std::int32_t dtype) noexcept {
  return h == holds::numbers || (h == holds::reals ? dtype <= cppo_bf16 : dtype > cppo_bool);
}

constexpr input_row input_rows[] = {
    {cppo_log_prob, argument::log_prob, "log_prob", holds::reals},
    {cppo_rollout_log_prob, argument::rollout_log_prob, "rollout_log_prob", holds::reals},
    {cppo_advantage, argument::advantage, "advantage", holds::reals},
    {cppo_response_mask, argument::response_mask, "response_mask", holds::numbers},
    {cppo_divergence_values, argument::divergence, "divergence_values", holds::reals},
    {cppo_token_weight, argument::token_weight, "token_weight", holds::reals},
    {cppo_token_id, argument::token_id, "token_id", holds::integers},
    {cppo_top_k_ids, argument::top_k, "top_k_ids", holds::integers},
    {cppo_top_k_log_probs, argument::top_k, "top_k_log_probs", holds::reals},
    {cppo_top_k_rollout_log_probs, argument::top_k, "top_k_rollout_log_probs", holds::reals},
    {cppo_entropy, argument::entropy, "entropy", holds::reals},
    {cppo_reference_log_prob, argument::reference_log_prob, "reference_log_prob", holds::reals},
};
struct output_row {
  std::int32_t id;
  argument where;
  char const* name;
  cppo::output& (*in)(cppo::loss_outputs&);
};
#define CPPO_C_OUTPUT(name, where, member) \
  {cppo_out_##name, argument::where, #name, [](cppo::loss_outputs& o) -> cppo::output& { return o.member; }}
constexpr output_row output_rows[] = {
    CPPO_C_OUTPUT(loss, loss, loss),
    CPPO_C_OUTPUT(gradient, gradient, gradient),
    CPPO_C_OUTPUT(mask, mask, mask),
    CPPO_C_OUTPUT(gate, gate, gate),
    CPPO_C_OUTPUT(divergence, trace, trace.divergence),
    CPPO_C_OUTPUT(weight, trace, trace.weight),
    CPPO_C_OUTPUT(weighted_divergence, trace, trace.weighted_divergence),
    CPPO_C_OUTPUT(prefix_drift, trace, trace.prefix_drift),
    CPPO_C_OUTPUT(prefix_weight, trace, trace.prefix_weight),
    CPPO_C_OUTPUT(threshold, trace, trace.threshold),
    CPPO_C_OUTPUT(excess, trace, trace.excess),
    CPPO_C_OUTPUT(decision, trace, trace.decision),
};
#undef CPPO_C_OUTPUT
static_assert(std::size(output_rows) == cppo::detail::sinks, "an output has no id");

template <class... Pieces>
bool refuse_as(cppo::status_code code, cppo_status& s, argument where, Pieces const&... pieces) noexcept {
  return refuse(s, static_cast<std::int32_t>(code), where, pieces...);
}

/// True if the arithmetic of a call with this input is double.
bool decides_arithmetic(argument a) noexcept {
  return a == argument::log_prob || a == argument::rollout_log_prob || a == argument::divergence ||
         a == argument::top_k || a == argument::reference_log_prob;
}

bool take_input(cppo_lent const& l, lent_batch& into, std::uint64_t& seen, cppo_status& s) noexcept {
  input_row const* const row = find_id(input_rows, l.id);
  if (row == nullptr) {
    return refuse(s, cppo_bad_argument, argument::none, word("an input has id "), index_t{l.id},
                  word(", which is none: pass one from cppo_log_prob (1) to cppo_reference_log_prob (12)"));
  }
  if (!check_input(l, *row, seen, s)) return false;
  if (l.id == cppo_top_k_ids) into.lists.ids = buffer_of(l);
  else if (l.id == cppo_top_k_log_probs) into.lists.log_prob = buffer_of(l);
  else if (l.id == cppo_top_k_rollout_log_probs) into.lists.rollout_log_prob = buffer_of(l);
  else into.of[cppo::detail::place_of(row->where)] = buffer_of(l);
  into.lent[cppo::detail::place_of(row->where)] = true;
  bool const real = row->elements == holds::reals;
  into.in_double = into.in_double || (real && l.tensor.dtype == cppo_f64 && decides_arithmetic(row->where));
  return true;
}

/// Checks that what belongs together was lent together, and nothing that is computed from logits.
bool is_whole(cppo_batch const& from, std::uint64_t seen, log_prob_is log_prob, cppo_status& s) noexcept {
  bool const from_logits = log_prob == log_prob_is::computed;
  auto const has = [seen](std::int32_t id) { return (seen >> id & 1U) != 0; };
  bool const lists = from.top_k != 0 || has(cppo_top_k_ids) || has(cppo_top_k_log_probs) ||
                     has(cppo_top_k_rollout_log_probs);
  for (input_row const& row : input_rows) {
    bool const list = row.where == argument::top_k;
    bool const computed = from_logits && (row.id == cppo_log_prob || row.id == cppo_top_k_log_probs);
    bool const always = row.id <= cppo_advantage || (from_logits && row.id == cppo_token_id);
    bool const needed = !computed && (list ? lists : always);
    if (computed && has(row.id)) {
      return refuse(s, cppo_bad_argument, row.where, word(row.name),
                    word(" is lent, but this call computes it from logits: leave it out"));
    }
    if (!needed || has(row.id)) continue;
    word const together = from_logits ? "lend top_k, top_k_ids and top_k_rollout_log_probs together"
                                      : "lend top_k and the three lists together";
    return refuse_as(cppo::status_code::missing_input, s, row.where, word(row.name), word(" was not lent: "),
                     list ? together : word(from_logits ? "this call needs it" : "every call needs it"));
  }
  return true;
}

using cppo::output;
constexpr output (*output_by_dtype[])(cppo_tensor const&) noexcept = {
    lent_as<output, float>,         lent_as<output, double>,       lent_as<output, cppo::half>,
    lent_as<output, cppo::bfloat16>, lent_as<output, bool>,         lent_as<output, std::uint8_t>,
    lent_as<output, std::int8_t>,   lent_as<output, std::int16_t>, lent_as<output, std::uint16_t>,
    lent_as<output, std::int32_t>,  lent_as<output, std::uint32_t>, lent_as<output, std::int64_t>,
    lent_as<output, std::uint64_t>};
static_assert(std::size(output_by_dtype) == dtypes);

bool take_output(cppo_lent const& l, cppo::loss_outputs& into, std::uint64_t& seen, cppo_status& s) noexcept {
  output_row const* const row = find_id(output_rows, l.id);
  if (row == nullptr) {
    return refuse(s, cppo_bad_argument, argument::none, word("an output has id "), index_t{l.id},
                  word(", which is none: pass one from cppo_out_loss (64) to cppo_out_decision (75)"));
  }
  if (!check_tensor(l.tensor, row->name, row->where, s)) return false;
  if (l.per_response != 0) {
    return refuse(s, cppo_bad_argument, row->where, word(row->name), word(" has per_response "),
                  index_t{l.per_response}, word(", but must have 0: outputs are written token by token"));
  }
  std::uint64_t const bit = std::uint64_t{1} << (l.id - cppo_out_loss);
  if ((seen & bit) != 0) {
    return refuse(s, cppo_bad_argument, row->where, word(row->name), word(" is lent twice: lend it once"));
  }
  seen |= bit;
  row->in(into) = output_of(l.tensor);
  return true;
}

}  // namespace

bool check_tensor(cppo_tensor const& t, char const* name, argument where, cppo_status& s) noexcept {
  if (t.dtype < 0 || t.dtype >= dtypes) {
    return refuse(s, cppo_bad_argument, where, word(name), word(" has dtype "), index_t{t.dtype},
                  word(", which is none: pass one from cppo_f32 (0) to cppo_u64 (12)"));
  }
  if (t.rank != 1 && t.rank != 2) {
    return refuse_as(cppo::status_code::bad_tensor, s, where, word(name), word(" has rank "), index_t{t.rank},
                     word(", but must have 1 or 2: lend [N] or [B, T]"));
  }
  for (std::int32_t r = 0; r < t.rank; ++r) {
    if (t.shape[r] < 0) {
      return refuse_as(cppo::status_code::bad_tensor, s, where, word(name), word(" has extent "), index_t{t.shape[r]},
                       word(", but must have none below 0"));
    }
  }
  auto const size = static_cast<std::uintptr_t>(cppo::detail::size_of(static_cast<element_type>(t.dtype)));
  if (reinterpret_cast<std::uintptr_t>(t.data) % size != 0) {
    return refuse_as(cppo::status_code::misaligned, s, where, word(name),
                     word(" begins at an address that is no multiple of its elements' size: pass a copy"));
  }
  return true;
}

cppo::detail::buffer buffer_of(cppo_lent const& l) noexcept {
  cppo_tensor const& t = l.tensor;
  return {t.data, static_cast<element_type>(t.dtype), t.rank, l.per_response != 0, {t.shape[0], t.shape[1]},
          {t.stride[0], t.stride[1]}};
}

bool take_layout(cppo_batch const& from, cppo::layout& into, cppo_status& s) noexcept {
  cppo_tensor const& cuts = from.cu_seqlens;
  if (cuts.data == nullptr) {
    into = cppo::padded(from.responses, from.width);
    return from.capacity == 0 ||
           refuse(s, cppo_bad_argument, argument::layout, word("capacity is "), from.capacity,
                  word(", but must be 0 without cu_seqlens: a padded batch has no room to spare"));
  }
  if (!check_tensor(cuts, "cu_seqlens", argument::offsets, s)) return false;
  if (cuts.dtype != cppo_i32 && cuts.dtype != cppo_i64) {
    return refuse_as(cppo::status_code::element_type_mismatch, s, argument::offsets, word("cu_seqlens is of "),
                     dtype_names[cuts.dtype], word(", but must be i32 or i64"));
  }
  if (cuts.rank != 1 || from.responses < 0 || cuts.shape[0] - 1 != from.responses ||
      (cuts.stride[0] != 1 && cuts.shape[0] > 1)) {
    return refuse_as(cppo::status_code::extent_mismatch, s, argument::offsets,
                     word("cu_seqlens must have rank 1, stride 1 and "), from.responses,
                     word(" + 1 elements, one more than there are responses"));
  }
  auto const packed = cuts.dtype == cppo_i32
                          ? cppo::packed(static_cast<std::int32_t const*>(cuts.data), from.responses)
                          : cppo::packed(static_cast<std::int64_t const*>(cuts.data), from.responses);
  into = packed;
  if (from.capacity != 0) into = packed.with_capacity(from.capacity);
  return true;
}

bool check_count(void const* first, std::int64_t count, char const* name, cppo_status& s) noexcept {
  if (count < 0 || count > 64) {
    return refuse(s, cppo_bad_argument, argument::none, word(name), word(" is "), count,
                  word(", but must be the number of tensors lent, 0 to 64"));
  }
  return count == 0 || first != nullptr ||
         refuse(s, cppo_bad_argument, argument::none, word("no tensors are lent, but "), word(name), word(" is "),
                count);
}

bool check_input(cppo_lent const& l, input_row const& row, std::uint64_t& seen, cppo_status& s) noexcept {
  if (!check_tensor(l.tensor, row.name, row.where, s)) return false;
  if (!may_hold(row.elements, l.tensor.dtype)) {
    return refuse_as(cppo::status_code::element_type_mismatch, s, row.where, word(row.name), word(" is of "),
                     dtype_names[l.tensor.dtype], remedy_of(row.elements));
  }
  bool const list = row.where == argument::top_k;
  if (l.per_response != 0 && (l.per_response != 1 || list)) {
    return refuse(s, cppo_bad_argument, row.where, word(row.name), word(" has per_response "),
                  index_t{l.per_response},
                  word(list ? ", but must have 0: a list belongs to a token" : ", but must have 0 or 1"));
  }
  if ((seen >> l.id & 1U) != 0) {
    return refuse(s, cppo_bad_argument, row.where, word(row.name), word(" is lent twice: lend it once"));
  }
  seen |= std::uint64_t{1} << l.id;
  return true;
}

namespace {

/// What the options lend beside the batch.
std::array<lent_memory, 3> rows_of(cppo_options const& o, std::int64_t responses) noexcept {
  std::int64_t const pieces = std::clamp<std::int64_t>(responses, 0, most_rows);
  return {{{"carries", memory_of(o.carries, pieces)},
           {"totals", memory_of(o.totals, pieces)},
           {"folds", memory_of(o.folds, o.fold_words)}}};
}

}  // namespace

cppo::detail::footprint memory_of(cppo_tensor const& t) noexcept {
  if (t.data == nullptr) return {};
  auto const type = static_cast<element_type>(t.dtype);
  if (cppo::detail::walks_off(buffer_of({0, 0, t}))) return {};  // the call refuses it
  if (t.rank == 1) return cppo::detail::footprint_of(t.data, type, 1, t.shape[0], 0, t.stride[0]);
  return cppo::detail::footprint_of(t.data, type, t.shape[0], t.shape[1], t.stride[0], t.stride[1]);
}

bool is_apart(lent_memory const& mine, argument where, std::span<lent_memory const> others, cppo_status& s) noexcept {
  for (lent_memory const& other : others) {
    if (!cppo::detail::may_overlap(mine.at, other.at)) continue;
    return refuse_as(cppo::status_code::output_overlap, s, where, word(mine.name), word(" shares memory with "),
                     word(other.name), word(": lend the output memory of its own"));
  }
  return true;
}

cppo::output output_of(cppo_tensor const& t) noexcept { return output_by_dtype[t.dtype](t); }

bool take_batch(cppo_batch const* from, lent_batch& into, cppo_status& s, log_prob_is log_prob) noexcept {
  cppo_batch b;
  if (!take_structure(from, "batch", b, s) || !take_layout(b, into.shape, s)) return false;
  if (!check_count(b.inputs, b.input_count, "batch->input_count", s)) return false;
  std::uint64_t seen = 0;
  for (std::int64_t i = 0; i < b.input_count; ++i) {
    if (!take_input(b.inputs[i], into, seen, s)) return false;
  }
  into.lists.k = b.top_k;
  return is_whole(b, seen, log_prob, s);
}

bool take_outputs(cppo_outputs const& from, cppo::loss_outputs& into, cppo_status& s) noexcept {
  if (!check_count(from.tensors, from.tensor_count, "outputs->tensor_count", s)) return false;
  std::uint64_t seen = 0;
  for (std::int64_t i = 0; i < from.tensor_count; ++i) {
    if (!take_output(from.tensors[i], into, seen, s)) return false;
  }
  return true;
}

bool check_memory(cppo_batch const& batch, cppo_outputs const& outputs, cppo_options const& options,
                  cppo_status& s) noexcept {
  auto const rows = rows_of(options, batch.responses);
  lent_memory const report{"report", memory_of(outputs.report, cppo_report_count())};
  for (std::int64_t i = 0; i < outputs.tensor_count; ++i) {
    output_row const* const row = find_id(output_rows, outputs.tensors[i].id);
    lent_memory const mine{row->name, memory_of(outputs.tensors[i].tensor)};
    if (!is_apart(mine, row->where, {&report, 1}, s) || !is_apart(mine, row->where, rows, s)) return false;
  }
  if (!is_apart(report, argument::report, rows, s)) return false;
  for (std::int64_t i = 0; i < batch.input_count; ++i) {
    lent_memory const other{find_id(input_rows, batch.inputs[i].id)->name, memory_of(batch.inputs[i].tensor)};
    if (!is_apart(report, argument::report, {&other, 1}, s)) return false;
  }
  lent_memory const cuts{"cu_seqlens", memory_of(batch.cu_seqlens)};
  return is_apart(report, argument::report, {&cuts, 1}, s);
}

bool is_apart_from_call(lent_memory const& mine, argument where, lent_to_be how, cppo_batch const& batch,
                        cppo_outputs const& outputs, cppo_options const& options, cppo_status& s) noexcept {
  lent_memory const report{"report", memory_of(outputs.report, cppo_report_count())};
  if (!is_apart(report, argument::report, {&mine, 1}, s)) return false;
  for (std::int64_t i = 0; i < outputs.tensor_count; ++i) {
    output_row const* const row = find_id(output_rows, outputs.tensors[i].id);
    lent_memory const other{row->name, memory_of(outputs.tensors[i].tensor)};
    if (!is_apart(other, row->where, {&mine, 1}, s)) return false;
  }
  if (how == lent_to_be::read) return true;
  for (std::int64_t i = 0; i < batch.input_count; ++i) {
    lent_memory const other{find_id(input_rows, batch.inputs[i].id)->name, memory_of(batch.inputs[i].tensor)};
    if (!is_apart(mine, where, {&other, 1}, s)) return false;
  }
  lent_memory const cuts{"cu_seqlens", memory_of(batch.cu_seqlens)};
  return is_apart(mine, where, rows_of(options, batch.responses), s) &&
         is_apart(mine, where, {&cuts, 1}, s);
}

}  // namespace c_api
