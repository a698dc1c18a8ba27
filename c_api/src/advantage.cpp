// Advantages: rules from text and as text, the call, and states of folds as words.
#include "batch.hpp"
#include "name_list.hpp"
#include "region.hpp"
#include "reward_words.hpp"

#include <cppo/described_advantage.hpp>
#include <cppo/execution/simd.hpp>

#include <algorithm>

namespace c_api {

template <>
inline constexpr made_as how_made<cppo::described_advantage> = made_as::advantage;
static_assert(sizeof(cppo::described_advantage) <= 8 * (region_words - 1), "cppo_advantage_rule has no room");
static_assert(std::is_trivially_copyable_v<cppo::described_advantage>);

}  // namespace c_api

namespace {

using c_api::refuse;
using c_api::word;
using cppo::argument;

bool parse(char const* text, double const* numbers, std::int64_t count, cppo_advantage_rule* rule, cppo_status& s) {
  if (!c_api::given(text, "text", s) || !c_api::given(rule, "rule", s)) return false;
  if (!c_api::take_numbers(numbers, count, s)) return false;
  auto const parsed = cppo::parse_advantage(text, {numbers, static_cast<std::size_t>(count)});
  if (!parsed) return refuse(s, cppo_bad_text, argument::region, parsed.error);
  return c_api::write(parsed.rule, *rule), true;
}
/// The rule at `from`. `s` says why there is none.
bool take_rule(cppo_advantage_rule const* from, cppo::described_advantage& into, cppo_status& s) noexcept {
  if (!c_api::given(from, "rule", s)) return false;
  std::uint64_t words[c_api::region_words];
  std::memcpy(words, from->opaque, sizeof words);
  if (words[c_api::region_words - 1] != c_api::seal_of(words, c_api::made_as::advantage)) {
    return refuse(s, cppo_bad_argument, argument::region,
                  word("rule was not made by cppo_advantage_parse of this version of the library: parse its text"));
  }
  into = c_api::from_bytes<cppo::described_advantage>(words);
  return true;
}

constexpr c_api::input_row input_rows[] = {
    {cppo_advantage, argument::advantage, "advantage", c_api::holds::reals},
    {cppo_response_mask, argument::response_mask, "response_mask", c_api::holds::numbers},
    {cppo_reward, argument::reward, "reward", c_api::holds::reals},
    {cppo_group_id, argument::group_id, "group_id", c_api::holds::integers},
    {cppo_value, argument::value, "value", c_api::holds::reals},
    {cppo_bootstrap_value, argument::bootstrap_value, "bootstrap_value", c_api::holds::reals},
};
/// The id of an input; 0 if none.
std::int32_t id_of(argument a) noexcept {
  for (c_api::input_row const& row : input_rows) {
    if (row.where == a) return row.id;
  }
  return 0;
}
template <argument Which>
void lend(cppo::response_batch_view& into, cppo::detail::buffer const& b) noexcept {
  into.add(cppo::detail::named_of_response<Which, float>{b});
}
bool take_input(cppo_lent const& l, cppo::response_batch_view& into, std::uint64_t& seen, cppo_status& s) noexcept {
  c_api::input_row const* const row = c_api::find_id(input_rows, l.id);
  if (row == nullptr) {
    return refuse(s, cppo_bad_argument, argument::none, word("an input has id "), cppo::index_t{l.id},
                  word(", which is none of a batch of responses: pass cppo_advantage (3), cppo_response_mask (4), or "
                       "one from cppo_reward (13) to cppo_bootstrap_value (16)"));
  }
  if (!c_api::check_input(l, *row, seen, s)) return false;
  cppo::detail::buffer const b = c_api::buffer_of(l);
  switch (l.id) {
    case cppo_advantage: return lend<argument::advantage>(into, b), true;
    case cppo_response_mask: return lend<argument::response_mask>(into, b), true;
    case cppo_reward: return lend<argument::reward>(into, b), true;
    case cppo_group_id: return lend<argument::group_id>(into, b), true;
    case cppo_value: return lend<argument::value>(into, b), true;
    default: return lend<argument::bootstrap_value>(into, b), true;
  }
}
bool take_responses(cppo_batch const* from, cppo::response_batch_view& into, cppo_status& s) noexcept {
  cppo_batch b;
  cppo::layout shape;
  if (!c_api::take_structure(from, "batch", b, s) || !c_api::take_layout(b, shape, s)) return false;
  if (!c_api::check_count(b.inputs, b.input_count, "batch->input_count", s)) return false;
  if (b.top_k != 0) {
    return refuse(s, cppo_bad_argument, argument::top_k, word("top_k must be 0: an advantage rule reads no lists"));
  }
  into = cppo::response_batch_view(shape);
  std::uint64_t seen = 0;
  for (std::int64_t i = 0; i < b.input_count; ++i) {
    if (!take_input(b.inputs[i], into, seen, s)) return false;
  }
  return true;
}

/// A call whose arguments were taken.
struct call {
  cppo::response_batch_view batch{cppo::layout{}};
  cppo::described_advantage rule;
  cppo::advantage_states known;
  bool on_seq = false;
  int threads = 1;
  cppo_advantage_options lent = {};

  /// f(executor).
  template <class F>
  cppo::status on(F const& f) const {
    return on_seq ? f(cppo::seq) : f(cppo::simd.with_threads(threads));
  }
};
bool take_options(cppo_advantage_options const* from, call& into, cppo_status& s) {
  if (from == nullptr) return true;
  cppo_advantage_options o;
  if (!c_api::take_structure(from, "options", o, s)) return false;
  if ((o.executor != cppo_simd && o.executor != cppo_seq) || o.threads < 0 || o.threads > 4096) {
    return refuse(s, cppo_bad_argument, argument::options, word("executor is "), cppo::index_t{o.executor},
                  word(" and threads "), cppo::index_t{o.threads},
                  word(", but must be cppo_simd (0) or cppo_seq (1), and 0 to 4096"));
  }
  if (o.known_words != 0 && !c_api::given(o.known, "known", s)) return false;
  if (o.known_words < 0) {
    return refuse(s, cppo_bad_argument, argument::options, word("known_words is "), o.known_words,
                  word(", but must be 0 or more"));
  }
  into.on_seq = o.executor == cppo_seq;
  into.threads = o.threads;
  into.known = c_api::reward_states_of({o.known, static_cast<std::size_t>(o.known_words)});
  into.lent = o;
  return true;
}

bool take_output(cppo_lent const& l, cppo::advantage_output& advantage, cppo::output& returns, unsigned& seen,
                 cppo_status& s) noexcept {
  bool const is_returns = l.id == cppo_out_returns;
  char const* const name = is_returns ? "returns" : "advantage";
  argument const where = is_returns ? argument::value : argument::advantage;
  if (!is_returns && l.id != cppo_out_advantage) {
    return refuse(s, cppo_bad_argument, argument::none, word("an output has id "), cppo::index_t{l.id},
                  word(", which is none of this call: pass cppo_out_advantage (76) or cppo_out_returns (77)"));
  }
  if (!c_api::check_tensor(l.tensor, name, where, s)) return false;
  if (l.per_response != 0 && (l.per_response != 1 || is_returns)) {
    return refuse(s, cppo_bad_argument, where, word(name), word(" has per_response "), cppo::index_t{l.per_response},
                  word(is_returns ? ", but must have 0: there is one for each token" : ", but must have 0 or 1"));
  }
  unsigned const bit = is_returns ? 2U : 1U;
  if ((seen & bit) != 0) {
    return refuse(s, cppo_bad_argument, where, word(name), word(" is lent twice: lend it once"));
  }
  seen |= bit;
  if (is_returns) returns = c_api::output_of(l.tensor);
  else if (l.per_response == 0) advantage = c_api::output_of(l.tensor);
  else advantage = cppo::per_response_buffer<float>{c_api::buffer_of(l)};
  return true;
}
bool take_outputs(cppo_outputs const* from, cppo::advantage_output& advantage, cppo::output& returns, cppo_status& s) {
  cppo_outputs o;
  if (!c_api::take_structure(from, "outputs", o, s)) return false;
  if (!c_api::check_count(o.tensors, o.tensor_count, "outputs->tensor_count", s)) return false;
  unsigned seen = 0;
  for (std::int64_t i = 0; i < o.tensor_count; ++i) {
    if (!take_output(o.tensors[i], advantage, returns, seen, s)) return false;
  }
  return true;
}

/// What the batch lends. Pre: it was taken.
std::vector<c_api::lent_memory> reads_of(cppo_batch const& b) {
  std::vector<c_api::lent_memory> all{{"cu_seqlens", c_api::memory_of(b.cu_seqlens)}};
  for (std::int64_t i = 0; i < b.input_count; ++i) {
    all.push_back({c_api::find_id(input_rows, b.inputs[i].id)->name, c_api::memory_of(b.inputs[i].tensor)});
  }
  return all;
}
c_api::lent_memory known_of(call const& c) noexcept {
  return {"known", c_api::memory_of(c.lent.known, c.lent.known_words)};
}
/// True unless what is written shares memory with what the C++ library sees copies of, so that it cannot find it.
bool check_memory(cppo_batch const& batch, cppo_outputs const& outputs, call const& c, cppo_status& s) {
  std::int64_t const numbers = 2 * std::clamp<std::int64_t>(batch.responses, 0, c_api::most_rows);
  c_api::lent_memory const first{"first", c_api::memory_of(c.lent.first, numbers)};
  c_api::lent_memory const others[] = {first, {"after", c_api::memory_of(c.lent.after, numbers)}, known_of(c)};
  for (std::int64_t i = 0; i < outputs.tensor_count; ++i) {
    bool const is_returns = outputs.tensors[i].id == cppo_out_returns;
    c_api::lent_memory const mine{is_returns ? "returns" : "advantage", c_api::memory_of(outputs.tensors[i].tensor)};
    if (!c_api::is_apart(mine, is_returns ? argument::value : argument::advantage, others, s)) return false;
  }
  return c_api::is_apart(first, argument::options, reads_of(batch), s);
}
/// What is asked for that `gae` alone has; null if nothing is.
char const* of_gae(call const& c, cppo::output const& returns) noexcept {
  if (c.lent.after != nullptr) return "after";
  return c.lent.first != nullptr ? "first" : returns.source().rank != 0 ? "returns" : nullptr;
}
bool check_known(call const& c, cppo::output const& returns, cppo_status& s) noexcept {
  char const* const asked = of_gae(c, returns);
  return asked == nullptr || c.lent.known_words == 0 ||
         refuse(s, cppo_bad_argument, argument::options, word("known is lent beside "), word(asked),
                word(", which gae alone has, and gae folds nothing: call without one of the two"));
}

/// Runs the call with the states that are known, or with what `gae` takes.
cppo::status run(call const& c, cppo::advantage_output const& out, cppo::output const& returns) {
  if (c.known.level != 0) {
    return c.on([&](auto const& e) { return compute_advantage(e, c.batch, c.rule, out, c.known); });
  }
  auto const responses = static_cast<std::size_t>(c.batch.shape().responses());
  double const* const before = c.lent.after;
  std::vector<cppo::gae_state> after, first;
  for (std::size_t b = 0; before != nullptr && b < responses; ++b)
    after.push_back({before[2 * b], before[2 * b + 1]});
  if (c.lent.first != nullptr) first.resize(responses);
  cppo::gae_options const options{.returns = returns, .after = after, .first = first};
  cppo::status const s =
      c.on([&](auto const& e) { return compute_advantage(e, c.batch, c.rule, out, options); });
  for (std::size_t b = 0; s.ok() && b < first.size(); ++b)
    c.lent.first[2 * b] = first[b].value, c.lent.first[2 * b + 1] = first[b].advantage;
  return s;
}

/// Where the states of a batch go.
struct states_room {
  std::int64_t* sums;
  std::int64_t room;
  std::int64_t* written;

  /// Writes states and their number. False if there is no room: then nothing was written.
  bool write(cppo::advantage_states const& made) const noexcept {
    std::int64_t const n = c_api::write_states(made, sums, room);
    bool const fits = sums != nullptr && n <= room;
    if (written != nullptr) *written = fits ? n : 0;
    return fits;
  }
  bool is_apart(std::vector<c_api::lent_memory> const& others, cppo_status& s) const noexcept {
    c_api::lent_memory const all{"sums", c_api::memory_of(sums, room)};
    c_api::lent_memory const count{"written", c_api::memory_of(written, 1)};
    return c_api::is_apart(all, argument::options, {&count, 1}, s) &&
           c_api::is_apart(all, argument::options, others, s) && c_api::is_apart(count, argument::options, others, s);
  }
};
bool check_sums(call const& c, cppo_status& s) noexcept {
  char const* const asked = of_gae(c, {});
  return asked == nullptr || refuse(s, cppo_bad_argument, argument::options, word(asked),
                                    word(" is of gae, which folds nothing: call cppo_sum_rewards without it"));
}

/// The names that the text of an advantage rule may hold.
c_api::named_part const* named(std::int64_t i) noexcept {
  static c_api::name_list const all = [] {
    c_api::name_list made;
    made.add_words(cppo::detail::advantage_vocabulary());
    return made;
  }();
  return all.at(i);
}

}  // namespace

std::int32_t cppo_advantage_parse(char const* text, double const* numbers, std::int64_t count,
                                  cppo_advantage_rule* rule, cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) { parse(text, numbers, count, rule, s); });
}

std::int64_t cppo_advantage_text(cppo_advantage_rule const* rule, char* text, std::int64_t room) {
  cppo_status s;
  cppo::described_advantage r;
  if (!take_rule(rule, r, s)) return -1;
  cppo::rule_text const all = to_text(r);
  return c_api::copy_text(all, text, room);
}

std::uint64_t cppo_advantage_reads(cppo_advantage_rule const* rule) {
  cppo_status s;
  cppo::described_advantage r;
  std::uint64_t bits = 0;
  if (take_rule(rule, r, s)) each_input_of(r, [&bits](argument a) { bits |= std::uint64_t{1} << id_of(a); });
  return bits;
}

std::int32_t cppo_advantage_writes(cppo_advantage_rule const* rule) {
  cppo_status s;
  cppo::described_advantage r;
  return take_rule(rule, r, s) ? (r.is_of_tokens() ? 1 : 0) + (r.is_mask() ? 2 : 0) : -1;
}

std::int32_t cppo_advantage_levels(cppo_advantage_rule const* rule) {
  cppo_status s;
  cppo::described_advantage r;
  return take_rule(rule, r, s) ? levels_of(r) : -1;
}

char const* cppo_advantage_name(std::int64_t i) { return named(i) != nullptr ? named(i)->name : nullptr; }
char const* cppo_advantage_kind(std::int64_t i) { return named(i) != nullptr ? named(i)->kind : nullptr; }
char const* cppo_advantage_parameters(std::int64_t i) {
  return named(i) != nullptr ? named(i)->parameters.c_str() : nullptr;
}

std::int32_t cppo_compute_advantage(cppo_batch const* batch, cppo_advantage_rule const* rule,
                                    cppo_outputs const* outputs, cppo_advantage_options const* options,
                                    cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) {
    call c;
    cppo::advantage_output out;
    cppo::output returns;
    if (!take_responses(batch, c.batch, s) || !take_rule(rule, c.rule, s) || !take_options(options, c, s) ||
        !take_outputs(outputs, out, returns, s)) {
      return;
    }
    if (!check_known(c, returns, s) || !check_memory(*batch, *outputs, c, s)) return;
    if (cppo::status const shape = c.batch.shape().check(); !shape.ok()) return void(c_api::take(shape, s));
    c_api::take(run(c, out, returns), s);
  });
}

std::int64_t cppo_reward_words(cppo_advantage_rule const* rule, std::int64_t groups) {
  cppo_status s;
  cppo::described_advantage r;
  if (!take_rule(rule, r, s) || groups < 0 || groups > c_api::most_groups) return -1;
  return c_api::words_of_states(r.states(), groups);
}

std::int32_t cppo_sum_rewards(cppo_batch const* batch, cppo_advantage_rule const* rule,
                              cppo_advantage_options const* options, std::int64_t* sums, std::int64_t room,
                              std::int64_t* written, cppo_status* status) {
  states_room const to{sums, room, written};
  bool done = false, apart = false;
  std::int32_t const code = c_api::answered(status, [&](cppo_status& s) {
    call c;
    if (!c_api::given(sums, "sums", s) || !c_api::given(written, "written", s)) return;
    if (!take_options(options, c, s) || !to.is_apart({known_of(c)}, s)) return;
    if (!take_responses(batch, c.batch, s) || !take_rule(rule, c.rule, s)) return;
    if (!(apart = to.is_apart(reads_of(*batch), s)) || !check_sums(c, s)) return;
    cppo::advantage_states made;
    auto const ended = c.on([&](auto const& e) { return sum_rewards(e, c.batch, c.rule, c.known, made); });
    if (!c_api::take(ended, s) || (done = to.write(made))) return;
    refuse(s, cppo_bad_argument, argument::none, word("room is "), room,
           word(", but the states of these groups take more words: ask cppo_reward_words"));
  });
  if (!done && apart) to.write(cppo::detail::refused_states());
  return code;
}

std::int64_t cppo_reward_states_add(std::int64_t const* a, std::int64_t a_words, std::int64_t const* b,
                                    std::int64_t b_words, std::int64_t* into, std::int64_t room) {
  auto const lent = [](std::int64_t const* x, std::int64_t n) { return n == 0 || (n > 0 && x != nullptr); };
  if (!lent(a, a_words) || !lent(b, b_words) || !lent(into, room)) return -1;
  std::int64_t n = -1;
  c_api::answered(nullptr, [&](cppo_status&) {
    auto const states = [](std::int64_t const* x, std::int64_t words) {
      return c_api::reward_states_of({x, static_cast<std::size_t>(words)});
    };
    n = c_api::write_states(combine(states(a, a_words), states(b, b_words)), into, room);
  });
  return n;
}
