/// @file
/// A call on blocks of threads, step by step. Kernels run it, and on a host a block made of loops does.
///
///     prepare    one block; packed batches: checks the order of offsets, orders responses from longest to shortest
///     levels     a block for each response, level by level, if the region has folds: their values, and after each
///                level one block for those over the whole batch
///     count      a team for each response, if something must be known of the whole batch first
///     conclude   one block: the divisor of the aggregation, and what only the whole batch can have wrong
///     decide     a team for each response: a warp, a block or a cluster of blocks
///     clear      threads over the slots of no response, if the layout has a capacity: `task::clear_spare`
///     fold       a block for each 256 responses, then one for all of these: status and report of the call
///
/// A step that finds the call at fault writes so into the state; later steps then do nothing.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/array_places.hpp>
#include <cppo/execution/block/folds.hpp>
#include <cppo/execution/block/response.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// True if kernels can take the call on their fast path: elements of its own type, no Top-K lists, no trace, no totals,
/// and neither entropy nor a reference that nothing reads.
template <class Real, class Region>
CPPO_HOST_DEVICE constexpr bool is_usual(task<Real, Region> const& t) noexcept {
  if (t.batch.has(argument::top_k) || t.totals != nullptr) return false;
  for (argument const a : {argument::entropy, argument::reference_log_prob}) {
    if (t.batch.has(a) && !(reads_more<Region> && is_plain<Real>(t.batch[a], elements_in(a)))) return false;
  }
  for (argument const a : {argument::log_prob, argument::rollout_log_prob, argument::advantage, argument::divergence,
                           argument::token_weight, argument::response_mask}) {
    if (!is_plain<Real>(t.batch[a], elements_in(a))) return false;
  }
  for (int s = 0; s < sinks; ++s) {
    auto const which = static_cast<sink>(s);
    bool const usual = which == sink::loss || which == sink::gradient || which == sink::mask;
    if (t.out[s].lent() && !(usual && is_plain<Real>(t.out[s], elements_in(which)))) return false;
  }
  return true;
}

/// What the steps of a call pass on to each other.
struct call_state {
  status refused;        ///< why nothing is written
  double divisor = 1.0;  ///< of the aggregation
  index_t for_clusters = 0, not_for_warps = 0;  ///< how many responses are; they come first
  std::uint32_t taken[3] = {};                  ///< number of responses taken so far, by team
  std::uint32_t folded = 0;                     ///< runs of 256 responses added up so far
  bool of_logits = false;  ///< true if log-probs are those that another call found, in logits that were lent
  status outcome;        ///< how the call ended
  cppo::report report;    ///< its report
};

/// The threads that work on a response together.
enum class team : std::uint8_t { cluster, block, warp };
/// Responses of 256 slots and more are given to a block, of 4096 and more to a cluster: these are the bits of such
/// numbers.
inline constexpr int bits_for_blocks = 9, bits_for_clusters = 13;
/// The team for a response of `slots` slots.
CPPO_HOST_DEVICE constexpr team team_for(index_t slots, bool clusters) noexcept {
  if (clusters && slots >> (bits_for_clusters - 1) > 0) return team::cluster;
  return slots >> (bits_for_blocks - 1) > 0 ? team::block : team::warp;
}

/// The memory that a call works in, besides inputs and outputs.
template <class Real>
struct call_memory {
  call_state* state = nullptr;
  response_outcome* outcomes = nullptr;  ///< by response
  response_outcome* folds = nullptr;     ///< by `fold_width` responses
  index_t* tokens = nullptr;             ///< by response
  index_t* order = nullptr;              ///< responses, longest first; null: as they come
  Real* divergences = nullptr;                ///< by slot; null if the region does not need divergences first
  fold_columns<Real> columns;                 ///< of the region's folds

  /// Sets the arrays to one after the other from `base` on, which may be null. Returns the bytes they take.
  template <class Region>
  std::size_t place(void* base, layout const& l) noexcept {
    array_places places(base);
    index_t const responses = l.responses();
    places.take(state, 1);
    places.take(outcomes, responses);
    places.take(folds, fold_parts(responses));
    places.take(tokens, responses);
    places.take(order, l.is_packed() ? responses : 0);
    places.take(divergences, needs_divergences<Region> ? l.elements() : 0);
    columns.folds = folds_of<Region>;
    columns.stride = fold_columns<Real>::room(l);
    places.take(columns.data, columns.folds * columns.stride);
    places.take(columns.states, columns.folds * responses);
    places.take(columns.beyond, has_folds<Region> ? responses : 0);
    return places.used();
  }
};

/// The divisor of the aggregation: the given one, or that of the whole batch, which steps `count` and `conclude` find.
template <class Real>
CPPO_HOST_DEVICE double call_divisor(checked_call<Real> const& t, call_memory<Real> const& m) noexcept {
  if (t.normalizer > 0.0) return t.normalizer;
  return t.needs_sweep() ? m.state->divisor : 1.0;
}

/// The first response whose offsets are out of order, or the number of responses if there is none.
template <class Block>
CPPO_HOST_DEVICE index_t first_out_of_order(Block& block, layout const& l) noexcept {
  typename Block::template local<index_t> wrong{};
  block.apart([&](int th) {
    wrong[th] = l.responses();
    for (index_t b = th; b < l.responses() && wrong[th] == l.responses(); b += Block::threads) {
      if (!l.check_order(b, b + 1).ok()) wrong[th] = b;
    }
  });
  return block.reduce(wrong, [](index_t a, index_t b) { return a < b ? a : b; });
}
/// The bucket of a response with `slots` slots: the longer it is, the lower. An empty one is in bucket 63.
CPPO_HOST_DEVICE constexpr int length_bucket(index_t slots) noexcept {
  int k = 63;
  for (index_t n = slots; n > 0; n >>= 1) --k;
  return k;
}
/// Turns the number of responses in each bucket into the number of those in the buckets before it.
CPPO_HOST_DEVICE inline void begin_buckets(std::uint32_t (&buckets)[64]) noexcept {
  std::uint32_t before = 0;
  for (std::uint32_t& n : buckets) {
    std::uint32_t const here = n;
    n = before;
    before += here;
  }
}

/// The step `prepare`.
template <class Block, class Real>
CPPO_HOST_DEVICE void prepare_call(Block& block, std::uint32_t (&buckets)[64], checked_call<Real> const& t,
                                   call_memory<Real> const& m) noexcept {
  layout const& l = t.batch.shape();
  auto const bucket = [&](index_t b) { return length_bucket(l.slots(b)); };
  block.apart([&](int th) { for (int k = th; k < 64; k += Block::threads) buckets[k] = 0; });
  index_t const first_wrong = first_out_of_order(block, l);
  block.each([&](int th) {
    if (th == 0) {
      *m.state = call_state{};
      if (first_wrong < l.responses()) m.state->refused = l.check_order(first_wrong, first_wrong + 1);
    }
    if (first_wrong < l.responses()) return;
    for (index_t b = th; b < l.responses(); b += Block::threads) (void)block.add(buckets[bucket(b)], 1);
  });
  if (first_wrong < l.responses()) return;
  block.each([&](int th) {
    if (th != 0) return;
    begin_buckets(buckets);
    m.state->not_for_warps = buckets[63 - (bits_for_blocks - 1)];
    m.state->for_clusters = buckets[63 - (bits_for_clusters - 1)];
  });
  block.apart([&](int th) {
    for (index_t b = th; b < l.responses(); b += Block::threads) m.order[block.add(buckets[bucket(b)], 1)] = b;
  });
}

/// The step `conclude`.
template <class Block, class Real>
CPPO_HOST_DEVICE void conclude_count(Block& block, checked_call<Real> const& t, call_memory<Real> const& m) noexcept {
  struct swept {
    batch_counts n;
    index_t wrong;
  };
  index_t const responses = t.batch.shape().responses();
  typename Block::template local<swept> mine{};
  block.apart([&](int th) {
    mine[th].wrong = responses;
    for (index_t b = th; b < responses; b += Block::threads) {
      if (mine[th].wrong == responses && !check_length(t, b, m.tokens[b]).ok()) mine[th].wrong = b;
      mine[th].n = mine[th].n + t.counts(b, m.tokens[b]);
    }
  });
  swept const all = block.reduce(
      mine, [](swept const& a, swept const& b) { return swept{a.n + b.n, a.wrong < b.wrong ? a.wrong : b.wrong}; });
  block.apart([&](int th) {
    if (th != 0) return;
    if (all.wrong < responses) m.state->refused = check_length(t, all.wrong, m.tokens[all.wrong]);
    if (t.normalizer == 0.0) m.state->divisor = divisor(t.aggregate, all.n);
  });
}

/// The step `fold`: adds up outcomes in order.
template <class Block>
class block_fold {
  static constexpr int staged = 32, whole_words = report_fields.counts, sums = report_fields.sums;

 public:
  /// Memory that the block shares.
  struct storage {
    alignas(16) unsigned char outcomes[std::size_t{staged} * sizeof(response_outcome)];
  };

  CPPO_HOST_DEVICE block_fold(Block& block, storage& shared) noexcept : block_(block), shared_(shared) {}

  /// Adds n outcomes up into one.
  CPPO_HOST_DEVICE void run(response_outcome const* from, index_t n, response_outcome& into) const noexcept {
    constexpr int items = whole_words + sums + 2, each = (items + Block::threads - 1) / Block::threads;
    struct so_far {
      index_t count[std::size_t{each}];
      double sum[std::size_t{each}];
      report extremes;
      status first_bad;
    };
    typename Block::template local<so_far> mine{};
    for (index_t first = 0; first < n; first += staged) {
      int const here = n - first < staged ? static_cast<int>(n - first) : staged;
      block_.each([&](int th) {
        constexpr int size = sizeof(response_outcome) / 8;
        for (int w = th; w < here * size; w += Block::threads)
          copy_word(shared_.outcomes, w, reinterpret_cast<unsigned char const*>(from + first), w);
      });
      block_.each([&](int th) {
        for (int j = th, k = 0; j < items; j += Block::threads, ++k) {
          for (int r = 0; r < here; ++r)
            take(j, r, mine[th].count[k], mine[th].sum[k], mine[th].extremes, mine[th].first_bad);
        }
      });
    }
    block_.apart([&](int th) {
      for (int j = th, k = 0; j < items; j += Block::threads, ++k)
        put(j, mine[th].count[k], mine[th].sum[k], mine[th].extremes, mine[th].first_bad, into);
    });
  }

 private:
  static CPPO_HOST_DEVICE void copy_word(unsigned char* to, int w, unsigned char const* from, int v) noexcept {
    __builtin_memcpy(__builtin_assume_aligned(to + 8 * w, 8), __builtin_assume_aligned(from + 8 * v, 8), 8);
  }
  CPPO_HOST_DEVICE response_outcome const& outcome(int r) const noexcept {
    return *reinterpret_cast<response_outcome const*>(shared_.outcomes +
                                                      static_cast<std::size_t>(r) * sizeof(response_outcome));
  }
  template <class T>
  CPPO_HOST_DEVICE static T word(report const& r, int w) noexcept {
    T x;
    __builtin_memcpy(&x, __builtin_assume_aligned(reinterpret_cast<unsigned char const*>(&r) + 8 * w, 8), 8);
    return x;
  }
  CPPO_HOST_DEVICE void take(int item, int r, index_t& count, double& sum, report& extremes,
                             status& first_bad) const noexcept {
    response_outcome const& o = outcome(r);
    if (item < whole_words) {
      count += word<index_t>(o.report, item);
    } else if (item < whole_words + sums) {
      sum += word<double>(o.report, item);
    } else if (item == whole_words + sums) {
      extremes.take_extremes(o.report);
      extremes.counts = extremes.counts + o.report.counts;
    } else if (tells_more(first_bad, o.first_bad)) {
      first_bad = o.first_bad;
    }
  }
  CPPO_HOST_DEVICE void put(int item, index_t count, double sum, report const& extremes, status const& first_bad,
                            response_outcome& into) const noexcept {
    void* const to = __builtin_assume_aligned(reinterpret_cast<unsigned char*>(&into.report) + 8 * item, 8);
    if (item < whole_words) {
      __builtin_memcpy(to, &count, 8);
    } else if (item < whole_words + sums) {
      __builtin_memcpy(to, &sum, 8);
    } else if (item == whole_words + sums) {
      report::each_extreme([](char const*, double& to_be, double is) { to_be = is; }, into.report, extremes);
      into.report.scaling = {};  // the call's comes last
    } else {
      into.first_bad = first_bad;
    }
  }

  Block& block_;
  storage& shared_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
