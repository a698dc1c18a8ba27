// The folds of a rule over a batch that lies in several micro-batches: their states, and what adds them up.
#include "call.hpp"
#include "fold_words.hpp"
#include "on_compiled.hpp"

namespace {

using c_api::refuse;
using c_api::word;
using cppo::argument;

/// How often the region's states are exchanged. 0 for one that is no rule.
template <class Real>
int exchanges_of(c_api::lent_region const& r) noexcept {
  return r.is_rule() ? cppo::fold_exchanges<Real>(r.rule) : 0;
}
int exchanges_of(c_api::lent_region const& r, bool in_double) noexcept {
  return in_double ? exchanges_of<double>(r) : exchanges_of<float>(r);
}
/// The words of the first `exchanges` exchanges of a rule.
std::int64_t words_until(c_api::lent_region const& r, bool in_double, int exchanges) {
  auto const searches_until = [&](int k) {
    return in_double ? cppo::detail::searches_until<double>(r.rule, k).size()
                     : cppo::detail::searches_until<float>(r.rule, k).size();
  };
  std::size_t all = 0, before = 0;
  for (int k = 1; k <= exchanges; ++k) {
    std::size_t const now = searches_until(k);
    all += c_api::words_of_block(static_cast<std::size_t>(r.rule.values()), now - before);
    before = now;
  }
  return static_cast<std::int64_t>(all);
}
bool is_arithmetic(std::int32_t dtype) noexcept { return dtype == cppo_f32 || dtype == cppo_f64; }

bool none_looks_beyond(cppo_status& s) noexcept {
  return refuse(s, cppo_bad_argument, argument::region,
                word("region has no fold that looks beyond its response: call without states of folds"));
}
/// Takes what is known and the room for the next exchange.
bool take_states(c_api::call& c, std::int64_t known_words, std::int64_t sum_words, cppo_status& s) {
  bool const in_double = c.batch.in_double;
  int const all = exchanges_of(c.region, in_double);
  if (all == 0) return none_looks_beyond(s);
  for (int k = 0; k < all; ++k) {
    if (words_until(c.region, in_double, k) != known_words) continue;
    std::int64_t const wanted = words_until(c.region, in_double, k + 1) - known_words;
    if (sum_words == wanted) return true;
    return refuse(s, cppo_bad_argument, argument::region, word("sum_words is "), sum_words, word(", but must be "),
                  wanted, word(": this exchange has so many"));
  }
  return refuse(s, cppo_bad_argument, argument::region, word("known_words is "), known_words,
                word(", but must be what cppo_fold_words returns for fewer exchanges than the region has, "),
                cppo::index_t{all});
}
bool take_call(cppo_batch const* batch, cppo_region const* region, cppo_options const* options, c_api::call& c,
               cppo_status& s) {
  if (!c_api::take_batch(batch, c.batch, s) || !c_api::take_region(region, c.region, s) ||
      !c_api::take_structure_of_options(options, c.lent_options, s) ||
      !c_api::take_options(c.lent_options, c.options, s)) {
    return false;
  }
  cppo::status const shape = c.batch.shape.check();
  return shape.ok() || c_api::take(shape, s);
}

}  // namespace

bool c_api::take_folds(call& c, cppo_status& s) {
  cppo_options const& o = c.lent_options;
  if (o.folds == nullptr) return o.fold_words == 0 || c_api::given(o.folds, "options->folds", s);
  if (o.carries != nullptr || o.totals != nullptr) {
    return refuse(s, cppo_bad_argument, argument::options,
                  word("options->folds are of whole responses: call without carries and totals"));
  }
  int const all = exchanges_of(c.region, c.batch.in_double);
  if (all == 0) return none_looks_beyond(s);
  std::int64_t const wanted = words_until(c.region, c.batch.in_double, all);
  if (o.fold_words != wanted) {
    return refuse(s, cppo_bad_argument, argument::options, word("options->fold_words is "), o.fold_words,
                  word(", but must be "), wanted, word(": the states of all exchanges, one after the other"));
  }
  c.folds.known = o.folds;
  c.folds.known_words = o.fold_words;
  return true;
}

std::int32_t cppo_fold_exchanges(cppo_region const* region, std::int32_t dtype) {
  cppo_status s;
  c_api::lent_region r;
  if (!c_api::take_region(region, r, s) || !is_arithmetic(dtype)) return -1;
  return exchanges_of(r, dtype == cppo_f64);
}

std::int64_t cppo_fold_words(cppo_region const* region, std::int32_t dtype, std::int32_t exchanges) {
  std::int64_t words = -1;
  std::int32_t const all = cppo_fold_exchanges(region, dtype);
  if (exchanges < 0 || exchanges > all) return words;
  (void)c_api::answered(nullptr, [&](cppo_status& s) {
    c_api::lent_region r;
    if (c_api::take_region(region, r, s)) words = words_until(r, dtype == cppo_f64, exchanges);
  });
  return words;
}

std::int32_t cppo_sum_folds(cppo_batch const* batch, cppo_region const* region, cppo_options const* options,
                            std::int64_t const* known, std::int64_t known_words, std::int64_t* sums,
                            std::int64_t sum_words, cppo_status* status) {
  bool done = false;
  std::int32_t const code = c_api::answered(status, [&](cppo_status& s) {
    c_api::call c;
    if (!c_api::given(sums, "sums", s) || (known_words != 0 && !c_api::given(known, "known", s))) return;
    if (!take_call(batch, region, options, c, s) || !take_states(c, known_words, sum_words, s)) return;
    c.folds = {known, known_words, sums, sum_words};
    cppo::status ended;
    done = c_api::run(c, nullptr, ended, s) && c_api::take(ended, s);
  });
  if (!done && sums != nullptr && sum_words > 0) sums[0] = -1;
  return code;
}

void cppo_folds_add(std::int64_t* into, std::int64_t const* other, std::int64_t words) {
  if (into == nullptr || other == nullptr || words <= 0) return;
  cppo_status s;
  auto const n = static_cast<std::size_t>(words);
  std::int32_t const code = c_api::answered(&s, [&](cppo_status&) {
    c_api::word_view a(into, n), b(other, n);
    cppo::fold_states const mine = c_api::take_block(a), theirs = c_api::take_block(b);
    bool const same = mine.exchanges <= 0 || theirs.exchanges <= 0 || mine.exchanges == theirs.exchanges;
    c_api::write_block(same ? combine(mine, theirs) : cppo::detail::refused_folds(), {into, n});
  });
  if (code != 0) into[0] = -1;
}
