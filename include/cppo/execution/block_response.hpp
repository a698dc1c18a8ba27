/// @file
/// One response on a block of threads: the bits of `seq`, a tile of slots at a time.
#pragma once

#include <cppo/execution/block_statistics.hpp>
#include <cppo/execution/decide.hpp>
#include <cppo/execution/execution.hpp>

namespace cppo::inline CPPO_ABI::detail {

/// What a prefix scan adds up over a tile, in units of 2^-40: delta_b W - S, or all three sums where they are asked for.
/// A tile of at most 2048 tokens of magnitude 1000 stays within 64 bits.
struct net_units {
  index_t net = 0;
  CPPO_HOST_DEVICE static constexpr index_t units(exact_sum s) noexcept { return s.high * (index_t{1} << 25) + s.low; }
  CPPO_HOST_DEVICE static constexpr exact_sum limbs(index_t u) noexcept { return {u >> 25, u & ((index_t{1} << 25) - 1)}; }

  constexpr net_units() noexcept = default;
  CPPO_HOST_DEVICE explicit constexpr net_units(prefix_sums const& p) noexcept : net(units(p.budget - p.drift)) {}
  CPPO_HOST_DEVICE constexpr prefix_sums sums() const noexcept { return {{}, {}, limbs(net), 0}; }
  CPPO_HOST_DEVICE friend constexpr net_units operator+(net_units a, net_units b) noexcept {
    a.net += b.net;
    return a;
  }
};
struct all_units {
  index_t drift = 0, weight = 0, budget = 0;

  constexpr all_units() noexcept = default;
  CPPO_HOST_DEVICE explicit constexpr all_units(prefix_sums const& p) noexcept
      : drift(net_units::units(p.drift)), weight(net_units::units(p.weight)), budget(net_units::units(p.budget)) {}
  CPPO_HOST_DEVICE constexpr prefix_sums sums() const noexcept {
    return {net_units::limbs(drift), net_units::limbs(weight), net_units::limbs(budget), 0};
  }
  CPPO_HOST_DEVICE friend constexpr all_units operator+(all_units a, all_units const& b) noexcept {
    a.drift += b.drift, a.weight += b.weight, a.budget += b.budget;
    return a;
  }
};

/// What a thread counts on the way.
template <class Real>
struct block_tally {
  std::uint32_t kept = 0, toward = 0, ratio = 0, divergence = 0, budget = 0, response = 0, other = 0, clamped = 0, capped = 0, bad = 0;
  Real top_divergence = Real(-max_score), top_ratio = Real(0);

  CPPO_HOST_DEVICE constexpr void see(decided_token<Real> const& d) noexcept {
    decision const c = d.code();
    kept += c == decision::kept || c == decision::kept_toward ? 1 : 0;
    toward += c == decision::kept_toward ? 1 : 0;
    ratio += c == decision::masked_ratio ? 1 : 0;
    divergence += c == decision::masked_divergence ? 1 : 0;
    budget += c == decision::masked_budget ? 1 : 0;
    response += c == decision::masked_response ? 1 : 0;
    other += c == decision::masked_other ? 1 : 0;
    clamped += d.clamped ? 1 : 0;
    capped += d.capped ? 1 : 0;
    take_larger(top_divergence, d.at(sink::divergence));
    take_larger(top_ratio, d.ratio);
  }
  CPPO_HOST_DEVICE friend constexpr block_tally operator+(block_tally a, block_tally const& b) noexcept {
    a.kept += b.kept, a.toward += b.toward, a.ratio += b.ratio, a.divergence += b.divergence, a.budget += b.budget;
    a.response += b.response, a.other += b.other, a.clamped += b.clamped, a.capped += b.capped, a.bad += b.bad;
    take_larger(a.top_divergence, b.top_divergence);
    take_larger(a.top_ratio, b.top_ratio);
    return a;
  }
  /// Into the report of a response with a token.
  CPPO_HOST_DEVICE constexpr void put(report& r) const noexcept {
    r.kept = kept, r.kept_toward = toward, r.masked_ratio = ratio, r.masked_divergence = divergence, r.masked_budget = budget;
    r.masked_response = response, r.masked_other = other, r.clamped = clamped, r.capped = capped;
    r.max_divergence = static_cast<double>(top_divergence) + 0.0;  // never -0
    r.max_ratio = static_cast<double>(top_ratio);
  }

 private:
  CPPO_HOST_DEVICE static constexpr void take_larger(Real& a, Real b) noexcept { a = b > a ? b : a; }
};

/// Sums of a and b.
struct plus {
  template <class T>
  CPPO_HOST_DEVICE constexpr T operator()(T const& a, T const& b) const noexcept {
    return a + b;
  }
};

template <class Block, class Real, class Region, bool Trace>
class block_response {
  using V = lane<Real>;
  using job = task<Real, Region>;
  using statistics = block_statistics<Block, Real>;
  using units = std::conditional_t<Trace || reads_prefix<Region>, all_units, net_units>;
  template <class T>
  using local = typename Block::template local<T>;
  static constexpr int items = block_items, lanes = lane_sums<Real>::width;
  static constexpr index_t tile = index_t{Block::threads} * items;
  static constexpr bool scans = scans_prefix<Region> || Trace;
  static_assert(tile <= 2048, "64 bits hold the sums of a tile of 2048");

 public:
  /// In memory that the block shares; nothing has to be in it at first.
  struct storage {
    union {
      Real staged[report_terms][tile + lanes];  // by rank
      typename statistics::storage selection;
    };
    Real partial[report_terms][lanes];
    double sums[report_terms][lanes];
    double total[report_terms];
    std::uint32_t masked_at[report::bins], tokens_at[report::bins];
  };

  /// `scores`: room for a Real at every slot of the response, if the region asks for divergences. `divisor`: of the
  /// aggregation.
  CPPO_HOST_DEVICE block_response(Block& block, storage& shared, job const& t, index_t b, Real* scores, double divisor) noexcept
      : block_(block), shared_(shared), task_(t), b_(b), slots_(t.batch.shape().slots(b)), scores_(scores), divisor_(divisor),
        mask_(t.batch[argument::response_mask], t.batch.shape(), b), pi_(t.batch[argument::log_prob], t.batch.shape(), b),
        mu_(t.batch[argument::rollout_log_prob], t.batch.shape(), b), advantage_(t.batch[argument::advantage], t.batch.shape(), b),
        given_(t.batch[argument::divergence], t.batch.shape(), b), weight_(t.batch[argument::token_weight], t.batch.shape(), b) {}

  /// Valid tokens, 0 if the response is rejected.
  CPPO_HOST_DEVICE index_t count() noexcept {
    careful_ = true;
    return inspect().tokens;
  }

  /// Decides and writes every slot. The input is taken to be sound at first and watched; where it is not, the response
  /// is done once more with every slot inspected.
  CPPO_HOST_DEVICE void run(response_outcome& out) noexcept {
    careful_ = rejected_elsewhere(task_, b_) || task_.batch.has(argument::top_k);
    if (!careful_ && attempt(out)) return;
    careful_ = true;
    (void)attempt(out);
  }

 private:
  /// What a thread holds of a tile: consecutive slots.
  struct held {
    slot what[items];
    Real pi[items], mu[items], advantage[items], given[items], weight[items];
    unsigned tokens = 0;  // bit k: item k is a token
    index_t before = 0;   // tokens of the tile in threads before this one

    CPPO_HOST_DEVICE token_input<Real> input(int k) const noexcept { return {pi[k], mu[k], advantage[k], given[k], weight[k]}; }
  };
  struct tokens_of {
    token<V> at[items];
  };

  CPPO_HOST_DEVICE int live(index_t i) const noexcept {
    return slots_ - i >= items ? items : slots_ > i ? static_cast<int>(slots_ - i) : 0;
  }
  CPPO_HOST_DEVICE static int bits(unsigned x) noexcept {
    int n = 0;
    CPPO_UNROLL
    for (int k = 0; k < items; ++k) n += static_cast<int>(x >> k & 1U);
    return n;
  }

  /// False where the input was taken to be sound and is not.
  CPPO_HOST_DEVICE bool attempt(response_outcome& out) noexcept {
    response_count n;
    if (careful_) n = inspect();
    else if (!count_by_mask(n)) return false;
    block_.each([&](int th) {
      if (th == 0) out = open_outcome(task_, b_, n);
    });
    if (n.tokens == 0) {
      write_excluded();
      return true;
    }
    return summarize(n.tokens) && decide(n, out.diagnostics);
  }

  CPPO_HOST_DEVICE bool count_by_mask(response_count& n) noexcept {
    n.tokens = slots_;
    if (!mask_.lent()) return true;
    local<index_t> tokens{}, wrong{};
    block_.each([&](int th) {
      for (index_t i = index_t{th} * items; i < slots_; i += tile) {
        std::uint8_t m[items];
        mask_.load_mask(i, live(i), m);
        CPPO_UNROLL
    for (int k = 0; k < items; ++k) tokens[th] += m[k] == 1 ? 1 : 0, wrong[th] += m[k] == 2 ? 1 : 0;
      }
    });
    n.tokens = block_.reduce(tokens, plus{});
    return block_.reduce(wrong, plus{}) == 0;
  }

  /// `count_response`
  CPPO_HOST_DEVICE response_count inspect() noexcept {
    struct found { index_t tokens = 0, bad = 0, first = 0; };
    local<found> mine{};
    bool const bad_counts = task_.bad_input == on_bad_input::propagate;
    index_t const slots = slots_;
    block_.each([&](int th) {
      mine[th].first = slots;
      for (index_t i = th; i < slots; i += Block::threads) {
        status why;
        slot const s = inspect_slot(task_, b_, i, why);
        if (s == slot::bad && mine[th].bad++ == 0) mine[th].first = i;
        mine[th].tokens += s == slot::token || (s == slot::bad && bad_counts) ? 1 : 0;
      }
    });
    found const all = block_.reduce(mine, [](found const& a, found const& b) {
      return found{a.tokens + b.tokens, a.bad + b.bad, a.first < b.first ? a.first : b.first};
    });
    response_count n;
    n.tokens = all.tokens;
    n.bad = all.bad;
    if (n.bad > 0) (void)inspect_slot(task_, b_, all.first, n.first_bad);
    judge(task_, b_, n);
    return n;
  }

  /// The slots of a tile that thread `th` holds, with the values of its tokens; watches them unless they were inspected.
  CPPO_HOST_DEVICE held load(index_t base, int th, std::uint32_t& wrong) const noexcept {
    held h;
    index_t const i = base + index_t{th} * items;
    int const n = live(i);
    unsigned sound = 0;
    if (careful_) {
      CPPO_UNROLL
    for (int k = 0; k < items; ++k) {
        h.what[k] = slot::excluded;
        if (k >= n) continue;
        status why;
        h.what[k] = inspect_slot(task_, b_, i + k, why);
        if (h.what[k] == slot::bad && task_.bad_input == on_bad_input::exclude) h.what[k] = slot::excluded;
        h.tokens |= (h.what[k] != slot::excluded ? 1U : 0U) << k;
        sound |= (h.what[k] == slot::token ? 1U : 0U) << k;
      }
    } else {
      std::uint8_t m[items];
      mask_.load_mask(i, n, m);
      CPPO_UNROLL
    for (int k = 0; k < items; ++k) {
        h.what[k] = m[k] == 1 ? slot::token : slot::excluded;
        h.tokens |= (m[k] == 1 ? 1U : 0U) << k;
      }
      sound = h.tokens;
    }
    CPPO_UNROLL
    for (int k = 0; k < items; ++k) h.pi[k] = h.mu[k] = Real(-1), h.advantage[k] = h.given[k] = Real(0), h.weight[k] = Real(1);
    pi_.load(i, sound, h.pi);
    mu_.load(i, sound, h.mu);
    advantage_.load(i, sound, h.advantage);
    given_.load(i, sound, h.given);
    weight_.load(i, h.tokens, h.weight);
    if (!careful_) {
      CPPO_UNROLL
    for (int k = 0; k < items; ++k) wrong += inspect_input(h.input(k), task_.tolerance, b_, i + k).ok() ? 0U : 1U;
    }
    return h;
  }
  /// A token without position; its D is known where a pass over the response has found it.
  CPPO_HOST_DEVICE token<V> make(held const& h, int k, index_t i, top_k_row<Real>& lists) const noexcept {
    if (h.what[k] == slot::bad) return bad_token<Real>();
    if (!known_) return make_token(task_, h.input(k), b_, i, lists);
    token<V> t(V(h.pi[k]), V(h.mu[k]), V(h.advantage[k]));
    t.lend_divergence(V(h.given[k]));
    lend_lists(t, i, lists);
    t.set_divergence(V(scores_[i]));
    return t;
  }
  CPPO_HOST_DEVICE void lend_lists(token<V>& t, index_t i, top_k_row<Real>& lists) const noexcept {
    if (!task_.batch.has(argument::top_k)) return;
    lists = task_.batch.top_k_at(b_, i);
    t.lend_top_k(lists);
  }

  /// T, and what the budget is found from; false if the input is not sound.
  CPPO_HOST_DEVICE bool summarize(index_t tokens) noexcept {
    known_ = false;
    if (task_.totals != nullptr) {
      whole_ = task_.totals[b_];
      return true;
    }
    statistics s(block_, shared_.selection, scores_, slots_);
    if constexpr (needs_divergences<Region>) {
      if (score(s.summary) > 0) return false;
      known_ = true;
    }
    s.summary.length = tokens;
    s.summary.delta_b = task_.policy.resolve_budget(s);
    whole_ = s.summary;
    return true;
  }
  /// D of every slot, NaN where there is no token; its maximum and exact sum. Values that are not sound.
  CPPO_HOST_DEVICE std::uint32_t score(response_summary& whole) noexcept {
    struct seen {
      exact_sum sum;
      Real top = Real(-max_score);
      std::uint32_t wrong = 0;
    };
    local<seen> mine{};
    block_.each([&](int th) {
      seen s;
      for (index_t base = 0; base < slots_; base += tile) {
        held const h = load(base, th, s.wrong);
        index_t const i = base + index_t{th} * items;
        int const n = live(i);
        CPPO_UNROLL
        for (int k = 0; k < items; ++k) {
          if (k >= n) break;
          Real d = special<Real>::nan;
          if ((h.tokens >> k & 1U) != 0) {
            top_k_row<Real> lists;
            d = make(h, k, i + k, lists).divergence().raw() + Real(0);  // never -0
            s.sum = s.sum + to_grid(d);
            s.top = d > s.top ? d : s.top;
          }
          scores_[i + k] = d;
        }
      }
      mine[th] = s;
    });
    seen const all = block_.reduce(mine, [](seen const& a, seen const& b) {
      return seen{a.sum + b.sum, a.top < b.top ? b.top : a.top, a.wrong + b.wrong};
    });
    if constexpr (any(Region::needed, needs::response)) {
      whole.divergence_sum = all.sum;
      whole.max_divergence = static_cast<double>(all.top);
    }
    return all.wrong;
  }

  /// +0 in every output.
  CPPO_HOST_DEVICE void write_excluded() const noexcept {
    Real const zeros[items] = {};
    block_.each([&](int th) {
      for (index_t i = index_t{th} * items; i < slots_; i += tile) {
        for (int s = 0; s < sinks; ++s) row(static_cast<sink>(s)).store(i, live(i), zeros);
      }
    });
  }
  CPPO_HOST_DEVICE block_row row(sink s) const noexcept { return {task_.out[static_cast<int>(s)], task_.batch.shape(), b_}; }

  /// Decides and writes every slot; false if the input is not sound.
  CPPO_HOST_DEVICE bool decide(response_count const& n, report& diagnostics) noexcept {
    prefix_sums before = task_.carries != nullptr ? task_.carries[b_] : prefix_sums{};
    index_t const first = before.count;
    auto const weigh = schedule_for(task_.policy.weight(), task_.schedule_length(whole_.length));
    Real const scale = task_.scale(whole_.length, divisor_);
    local<block_tally<Real>> tally{};
    clear_report();
    local<held> mine{};
    local<tokens_of> tokens{};
    for (index_t base = 0; base < slots_; base += tile) {
      local<index_t> rank{};
      block_.each([&](int th) {
        mine[th] = load(base, th, tally[th].bad);
        rank[th] = bits(mine[th].tokens);
      });
      index_t const here = n.tokens == slots_ ? dense_ranks(rank, base) : block_.exclusive_sum(rank);
      local<units> step{};
      block_.each([&](int th) {
        mine[th].before = rank[th];
        prepare_tokens(base, th, before.count, weigh, mine[th], tokens[th], step[th]);
      });
      units total{};
      if constexpr (scans) total = block_.exclusive_sum(step);
      index_t const from = before.count - first;
      block_.each([&](int th) { decide_tokens(base, th, before, from, step[th], scale, mine[th], tokens[th], tally[th]); });
      if (task_.reports) add_up(from, here);
      if constexpr (scans) before = before + total.sums();
      before.count += here;
    }
    block_tally<Real> const all = block_.reduce(tally, plus{});
    if (all.bad > 0) return false;
    if (task_.reports) finish(first, n.tokens, all, diagnostics);
    return true;
  }
  /// Ranks where every slot holds a token; the tokens of the tile.
  CPPO_HOST_DEVICE index_t dense_ranks(local<index_t>& rank, index_t base) const noexcept {
    block_.each([&](int th) { rank[th] = index_t{th} * items; });
    return slots_ - base < tile ? slots_ - base : tile;
  }

  /// Tokens with their weights, and what they add to the prefix.
  template <class Weigh>
  CPPO_HOST_DEVICE void prepare_tokens(index_t base, int th, index_t count, Weigh const& weigh, held const& h, tokens_of& tokens,
                                       units& step) const noexcept {
    index_t const i = base + index_t{th} * items;
    bool const by_column = task_.positions == position_convention::padded_column;
    index_t at = count + h.before;
    CPPO_UNROLL
    for (int k = 0; k < items; ++k) {
      if ((h.tokens >> k & 1U) == 0) continue;
      ++at;
      top_k_row<Real> lists;
      token<V>& t = tokens.at[k];
      t = make(h, k, i + k, lists);
      position<V> const p(by_column ? i + k + 1 : at);
      t.set_weight(p, whole_, weigh(p));
      if constexpr (scans) step = step + units(prefix_step(t));
    }
  }
  CPPO_HOST_DEVICE void decide_tokens(index_t base, int th, prefix_sums const& carry, index_t from, units const& step, Real scale,
                                      held const& h, tokens_of& tokens, block_tally<Real>& tally) const noexcept {
    index_t const i = base + index_t{th} * items;
    int const n = live(i);
    prefix_sums before = carry + step.sums();
    int place = static_cast<int>(from % lanes + h.before);
    Real written[Trace ? sinks : 3][items] = {};
    CPPO_UNROLL
    for (int k = 0; k < items; ++k) {
      if ((h.tokens >> k & 1U) == 0) continue;
      token<V>& t = tokens.at[k];
      bool const bad = h.what[k] == slot::bad;
      top_k_row<Real> lists;
      if (!bad) lend_lists(t, i + k, lists);
      decided_token<Real> const d = decide_token(task_, t, bad, h.weight[k], scale, before, Trace);
      for (int s = 0; s < (Trace ? sinks : 3); ++s) written[s][k] = d.at(static_cast<sink>(s));
      if (task_.reports) {
        tally.see(d);
        for (int q = 0; q < report_terms; ++q) shared_.staged[q][place] = d.terms[q];
        ++place;
        note_position(t.at()[0], d.kept());
      }
      if constexpr (scans) before = before + units(prefix_step(t)).sums();
    }
    for (int s = 0; s < (Trace ? sinks : 3); ++s) row(static_cast<sink>(s)).store(i, n, written[s]);
  }

  CPPO_HOST_DEVICE void clear_report() const noexcept {
    if (!task_.reports) return;
    block_.each([&](int th) {
      for (int j = th; j < report_terms * lanes; j += Block::threads) {
        shared_.partial[j / lanes][j % lanes] = Real(0);
        shared_.sums[j / lanes][j % lanes] = 0.0;
      }
      for (int j = th; j < report::bins; j += Block::threads) shared_.masked_at[j] = shared_.tokens_at[j] = 0;
    });
  }
  CPPO_HOST_DEVICE void note_position(index_t at, bool kept) const noexcept {
    bool const by_column = task_.positions == position_convention::padded_column;
    if (kept && !by_column) return;
    int const bin = position_bin(at, task_.schedule_length(whole_.length));
    if (!kept) block_.add(shared_.masked_at[bin], 1);
    if (by_column) block_.add(shared_.tokens_at[bin], 1);
  }
  /// Adds what a tile has staged, token `from` of the response its first: as `lane_sums` does, one lane a job.
  CPPO_HOST_DEVICE void add_up(index_t from, index_t here) const noexcept {
    index_t const shift = from % lanes;
    block_.each([&](int th) {
      for (int j = th; j < report_terms * lanes; j += Block::threads) {
        int const q = j / lanes, lane = j % lanes;
        Real partial = shared_.partial[q][lane];
        double sum = shared_.sums[q][lane];
        for (index_t p = lane < shift ? lane + lanes : lane; p < shift + here; p += lanes) {
          partial += shared_.staged[q][p];
          if ((from - shift + p) % sum_block < sum_block - lanes) continue;
          sum += static_cast<double>(partial);  // the last of the lane in its block of 256
          partial = Real(0);
        }
        shared_.partial[q][lane] = partial;
        shared_.sums[q][lane] = sum;
      }
    });
  }
  CPPO_HOST_DEVICE void finish(index_t first, index_t tokens, block_tally<Real> const& all, report& r) const noexcept {
    block_.each([&](int th) {
      for (int q = th; q < report_terms; q += Block::threads) {
        lane_sums<Real> sums;
        for (int j = 0; j < lanes; ++j) sums.partial[j] = shared_.partial[q][j], sums.lanes[j] = shared_.sums[q][j];
        shared_.total[q] = sums.total();
      }
      bool const by_column = task_.positions == position_convention::padded_column;
      index_t const length = task_.schedule_length(whole_.length), last = first + tokens;
      auto const begins = [=](int bin) {  // first position of the bin among those of the piece, or the one past them
        index_t const at = bin == 0 ? first + 1 : bin == report::bins ? last + 1 : position_after(bin - 1, length);
        return at < first + 1 ? first + 1 : at > last + 1 ? last + 1 : at;
      };
      for (int bin = th; bin < report::bins; bin += Block::threads) {
        r.position_masked[bin] = shared_.masked_at[bin];
        r.position_tokens[bin] = by_column ? index_t{shared_.tokens_at[bin]} : begins(bin + 1) - begins(bin);
      }
    });
    block_.each([&](int th) {
      if (th != 0) return;
      all.put(r);
      report_sums<Real>::put_sums(r, shared_.total);
      note_budget(r, whole_.delta_b);
    });
  }

  Block& block_;
  storage& shared_;
  job const& task_;
  index_t b_;
  index_t slots_;
  Real* scores_;
  double divisor_;
  block_row mask_, pi_, mu_, advantage_, given_, weight_;
  response_summary whole_;
  bool careful_ = false, known_ = false;
};

}  // namespace cppo::inline CPPO_ABI::detail
