#include "logit_batch.hpp"

#include <iterator>

namespace c_api {

namespace {

using cppo::argument;
using cppo::index_t;

constexpr input_row input_rows[] = {
    {cppo_response_mask, argument::response_mask, "response_mask", holds::numbers},
    {cppo_token_id, argument::token_id, "token_id", holds::integers},
    {cppo_top_k_ids, argument::top_k, "top_k_ids", holds::integers},
    {cppo_entropy, argument::entropy, "entropy", holds::reals},
    {cppo_slope, argument::gradient, "slope", holds::reals},
    {cppo_log_sum_exp, argument::log_prob, "log_sum_exp", holds::reals},
    {cppo_rollout_log_sum_exp, argument::rollout_log_prob, "rollout_log_sum_exp", holds::reals},
    {cppo_entropy_slopes, argument::entropy, "entropy_slopes", holds::reals},
};
/// What an output has at each slot.
enum class each : std::uint8_t { number, list, ids };
struct output_row {
  std::int32_t id;
  argument where;
  char const* name;
  each has;
};
constexpr output_row output_rows[] = {
    {cppo_out_log_prob, argument::log_prob, "log_prob", each::number},
    {cppo_out_log_sum_exp, argument::log_prob, "log_sum_exp", each::number},
    {cppo_out_entropy, argument::entropy, "entropy", each::number},
    {cppo_out_listed_log_prob, argument::top_k, "listed_log_prob", each::list},
    {cppo_out_largest_id, argument::top_k, "largest_id", each::ids},
    {cppo_out_largest_log_prob, argument::top_k, "largest_log_prob", each::list},
    {cppo_out_logits_gradient, argument::logits, "logits_gradient", each::list},
    {cppo_out_tv, argument::divergence, "tv", each::number},
    {cppo_out_kl, argument::divergence, "kl", each::number},
};

/// The rows that a call takes, as "token_id (7), response_mask (4)".
template <class Row, std::size_t N>
cppo::status_text named(Row const (&rows)[N], id_set taken) noexcept {
  cppo::status_text text;
  for (Row const& r : rows) {
    if ((taken & set_of({r.id})) == 0) continue;
    if (!word(text).empty()) text.append(word(", "));
    text.append(word(r.name));
    text.append(word(" ("));
    text.append(index_t{r.id});
    text.append(word(")"));
  }
  return text;
}
template <class Row, std::size_t N>
bool refuse_id(Row const (&rows)[N], std::int32_t id, id_set taken, char const* what, cppo_status& s) noexcept {
  cppo::status_text const all = named(rows, taken);
  return refuse(s, cppo_bad_argument, argument::none, word(what), index_t{id},
                word(", which is none of this call: pass one of "), word(all));
}
bool is_taken(std::int32_t id, id_set taken) noexcept {
  return id > 0 && id < cppo_out_loss + lent_tensors::places && (taken & set_of({id})) != 0;
}

bool take_input(cppo_lent const& l, id_set read, std::uint64_t& seen, lent_tensors& into, cppo_status& s) noexcept {
  input_row const* const row = l.id < lent_tensors::places ? find_id(input_rows, l.id) : nullptr;
  if (row == nullptr || !is_taken(l.id, read)) return refuse_id(input_rows, l.id, read, "an input has id ", s);
  if (!check_input(l, *row, seen, s)) return false;
  if (row->elements == holds::reals && l.per_response != 0) {
    return refuse(s, cppo_bad_argument, row->where, word(row->name),
                  word(" has per_response 1, but must have 0: there is one for each token"));
  }
  into.of[l.id] = l;
  into.lent = seen;
  return true;
}
bool check_lists(cppo_batch const& b, id_set read, lent_tensors const& inputs, cppo_status& s) noexcept {
  bool const reads = (read & set_of({cppo_top_k_ids})) != 0;
  if (b.top_k == 0 || (reads && inputs.has(cppo_top_k_ids))) return true;
  return refuse(s, cppo_bad_argument, argument::top_k, word("top_k is "), b.top_k,
                word(reads ? ", but top_k_ids was not lent: lend both, or pass 0"
                           : ", but this call reads no lists: pass 0"));
}
bool check_dtype(cppo_lent const& l, output_row const& row, cppo_status& s) noexcept {
  std::int32_t const d = l.tensor.dtype;
  bool const fits = row.has != each::ids || d == cppo_i8 || d == cppo_i16 || d == cppo_i32 || d == cppo_i64;
  return fits || refuse(s, static_cast<int>(cppo::status_code::element_type_mismatch), row.where, word(row.name),
                        word(" must be i8, i16, i32 or i64, since an empty entry is -1: lend one of them"));
}

}  // namespace

cppo::slot_input lent_tensors::numbers(std::int32_t id) const noexcept {
  if (!has(id)) return {};
  cppo_tensor const& t = (*this)[id];
  switch (t.dtype) {
    case cppo_f32: return lent_as<cppo::slot_input, float>(t);
    case cppo_f64: return lent_as<cppo::slot_input, double>(t);
    case cppo_f16: return lent_as<cppo::slot_input, cppo::half>(t);
    default: return lent_as<cppo::slot_input, cppo::bfloat16>(t);
  }
}
cppo::id_output lent_tensors::ids(std::int32_t id) const noexcept {
  if (!has(id)) return {};
  cppo_tensor const& t = (*this)[id];
  switch (t.dtype) {
    case cppo_i8: return lent_as<cppo::id_output, std::int8_t>(t);
    case cppo_i16: return lent_as<cppo::id_output, std::int16_t>(t);
    case cppo_i32: return lent_as<cppo::id_output, std::int32_t>(t);
    default: return lent_as<cppo::id_output, std::int64_t>(t);
  }
}

bool take_logits(cppo_logits const* from, char const* name, cppo::logit_rows& into, cppo_status& s) noexcept {
  cppo_logits x;
  if (!take_structure(from, name, x, s) || !check_tensor(x.rows, name, argument::logits, s)) return false;
  if (x.rows.rank != 2) {
    return refuse(s, static_cast<int>(cppo::status_code::bad_tensor), argument::logits, word(name),
                  word(" has rank 1, but must have 2: lend [slots, V]"));
  }
  if (x.rows.dtype != cppo_f32 && x.rows.dtype != cppo_f16 && x.rows.dtype != cppo_bf16) {
    return refuse(s, static_cast<int>(cppo::status_code::element_type_mismatch), argument::logits, word(name),
                  word(" must be f32, f16 or bf16: convert it"));
  }
  std::int64_t const v = x.rows.shape[1];
  into = cppo::logit_rows(v, buffer_of({0, 0, x.rows})).at_temperature(x.temperature);
  into = into.from_id(x.first_id, x.ids != 0 ? x.ids : v);
  return true;
}

cppo::logit_batch_view lent_rows::batch(cppo::logit_rows const& logits) const noexcept {
  cppo::logit_batch_view view(shape, logits);
  auto const buffer = [this](std::int32_t id) { return buffer_of(inputs.of[id]); };
  if (inputs.has(cppo_token_id)) {
    view.add(cppo::detail::named_buffer<argument::token_id, std::int64_t>{buffer(cppo_token_id)});
  }
  if (inputs.has(cppo_response_mask)) {
    view.add(cppo::detail::named_buffer<argument::response_mask, float>{buffer(cppo_response_mask)});
  }
  if (inputs.has(cppo_top_k_ids)) view.add(cppo::detail::lent_ids{top_k, buffer(cppo_top_k_ids)});
  return view;
}

bool take_rows(cppo_batch const* from, id_set read, lent_rows& into, cppo_status& s) noexcept {
  cppo_batch b;
  if (!take_structure(from, "batch", b, s) || !take_layout(b, into.shape, s)) return false;
  if (!check_count(b.inputs, b.input_count, "batch->input_count", s)) return false;
  std::uint64_t seen = 0;
  for (std::int64_t i = 0; i < b.input_count; ++i) {
    if (!take_input(b.inputs[i], read, seen, into.inputs, s)) return false;
  }
  into.top_k = b.top_k;
  if (!check_lists(b, read, into.inputs, s)) return false;
  cppo::status const shape = into.shape.check();
  return shape.ok() || take(shape, s);
}

bool is_apart_from_rows(lent_memory const& mine, cppo_batch const& batch, cppo_status& s) noexcept {
  lent_memory const cuts{"cu_seqlens", memory_of(batch.cu_seqlens)};
  for (std::int64_t i = 0; i < batch.input_count; ++i) {
    lent_memory const other{find_id(input_rows, batch.inputs[i].id)->name, memory_of(batch.inputs[i].tensor)};
    if (!is_apart(mine, argument::logits, {&other, 1}, s)) return false;
  }
  return is_apart(mine, argument::logits, {&cuts, 1}, s);
}

bool take_row_output(cppo_lent const& l, id_set written, lent_tensors& into, cppo_status& s) noexcept {
  output_row const* const row = find_id(output_rows, l.id);
  if (row == nullptr || !is_taken(l.id, written)) return refuse_id(output_rows, l.id, written, "an output has id ", s);
  if (!check_tensor(l.tensor, row->name, row->where, s) || !check_dtype(l, *row, s)) return false;
  if (row->has != each::number && l.tensor.rank != 2) {
    return refuse(s, static_cast<int>(cppo::status_code::bad_tensor), row->where, word(row->name),
                  word(" has rank 1, but must have 2: lend a row for each slot"));
  }
  if (l.per_response != 0) {
    return refuse(s, cppo_bad_argument, row->where, word(row->name), word(" has per_response "),
                  index_t{l.per_response}, word(", but must have 0: outputs are written token by token"));
  }
  if (into.has(l.id)) {
    return refuse(s, cppo_bad_argument, row->where, word(row->name), word(" is lent twice: lend it once"));
  }
  into.of[lent_tensors::place_of(l.id)] = l;
  into.lent |= set_of({l.id});
  return true;
}

bool take_row_outputs(cppo_outputs const* from, id_set written, lent_tensors& into, cppo_status& s) noexcept {
  cppo_outputs o;
  if (!take_structure(from, "outputs", o, s)) return false;
  if (!check_count(o.tensors, o.tensor_count, "outputs->tensor_count", s)) return false;
  if (o.report != nullptr) {
    return refuse(s, cppo_bad_argument, argument::report, word("report is lent, but this call has none: pass null"));
  }
  for (std::int64_t i = 0; i < o.tensor_count; ++i) {
    if (!take_row_output(o.tensors[i], written, into, s)) return false;
  }
  return true;
}

}  // namespace c_api
