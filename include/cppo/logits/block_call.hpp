/// @file
/// Calls on logits by blocks of threads, step by step. Kernels run them, and on a host a block made of loops does.
///
///     log-probs   find      a block for each row: what is wrong with it, else what is found there
///                 conclude  one block: the first row that is wrong, and the status
///                 write     a thread for each number
///     gradient,   check     a thread for each row
///     divergences conclude  one block
///                 write     a block for each row
///
/// Nothing is written unless every row is in order, as on a host.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/call.hpp>
#include <cppo/logits/block_divergence.hpp>
#include <cppo/logits/block_gradient.hpp>
#include <cppo/logits/block_pass.hpp>
#include <cppo/logits/divergence.hpp>
#include <cppo/logits/gradient.hpp>
#include <cppo/logits/log_probs.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// What is wrong at a row. A call names the first row of the least of them that occurs.
enum class row_fault : std::uint8_t {
  slot,     ///< its mask value or an id
  numbers,  ///< its logits; of a gradient and of divergences, what is lent beside them
  masked,   ///< no id, or not the sampled one, has a probability
  none
};

/// The memory that a call on rows works in.
struct row_memory {
  call_state* state = nullptr;
  row_fault* faults = nullptr;     ///< by row
  logit_sums* sums = nullptr;      ///< by row
  float* logits = nullptr;         ///< [N, 1 + k]: of the sampled id and of listed ones
  float* largest = nullptr;        ///< [N, m]
  index_t* largest_ids = nullptr;  ///< [N, m]
  index_t listed = 0, most = 0;    ///< k and m

  /// Sets the arrays to one after the other from `base` on, which may be null. Returns the bytes they take.
  std::size_t place(void* base, logit_batch_view const& batch, index_t largest_count) noexcept {
    index_t const rows = batch.shape().elements();
    listed = batch.listed().k;
    most = largest_count;
    array_places places(base);
    places.take(state, 1);
    places.take(faults, rows);
    places.take(sums, rows);
    places.take(logits, rows * (1 + listed));
    places.take(largest, rows * most);
    places.take(largest_ids, rows * most);
    return places.used();
  }
};

/// What is done with a row. One whose mask value is neither 0 nor 1 is a token, until that is found.
CPPO_HOST_DEVICE inline row_is kind_of(logit_batch_view const& batch, index_t row) noexcept {
  layout const& l = batch.shape();
  bool const inside = !l.is_packed() || (row >= l.first_slot() && row < l.end_slot());
  if (!inside) return l.clears_rest() ? row_is::excluded : row_is::left_alone;
  token_place const t = token_of(l, row);
  return batch.active(t.response, t.slot) == 0 ? row_is::excluded : row_is::token;
}

/// Finds the row whose fault the call names, and sets the state to explain(fault, row) or, if none is at fault, to ok.
template <class Block, class F>
CPPO_HOST_DEVICE void conclude_rows(Block& block, row_memory const& m, index_t rows, F const& explain) noexcept {
  typename Block::template local<index_t> first{};
  index_t const none = static_cast<index_t>(row_fault::none) * rows;
  block.apart([&](int th) {
    first[th] = none;
    for (index_t row = th; row < rows; row += Block::threads) {
      index_t const key = static_cast<index_t>(m.faults[row]) * rows + row;
      if (key < first[th]) first[th] = key;
    }
  });
  index_t const key = block.reduce(first, [](index_t a, index_t b) { return a < b ? a : b; });
  status s = key < none ? explain(static_cast<row_fault>(key / rows), key % rows) : status{};
  s.name = nullptr;  // no text of a device is one of a host's
  block.each([&](int th) {
    if (th == 0) m.state->refused = m.state->outcome = s;
  });
}

/// A checked call of `log_probs`.
struct rows_to_log_probs {
  logit_batch_view batch;
  placed_log_probs out;
  row_memory m;

  /// Numbers that are written for each row.
  CPPO_HOST_DEVICE index_t numbers() const noexcept { return 3 + out.listed.k + out.most; }
};

/// The steps of that call.
template <class Block, moment_is Moment>
class block_log_probs {
  using pass = block_pass<Block, Moment>;

 public:
  using storage = typename pass::storage;

  CPPO_HOST_DEVICE block_log_probs(Block& block, rows_to_log_probs const& call) noexcept : block_(block), c_(call) {}

  /// Passes over a row, if it is that of a token.
  CPPO_HOST_DEVICE void find(storage& shared, index_t row) noexcept {
    row_fault fault = row_fault::none;
    if (kind_of(c_.batch, row) == row_is::token) {
      token_place const t = token_of(c_.batch.shape(), row);
      fault = has_wrong_id(t) ? row_fault::slot : pass_over(shared, t);
    }
    block_.each([&](int th) {
      if (th == 0) c_.m.faults[row] = fault;
    });
  }
  CPPO_HOST_DEVICE void conclude() noexcept {
    conclude_rows(block_, c_.m, c_.batch.shape().elements(), [&](row_fault fault, index_t row) -> status {
      token_place const t = token_of(c_.batch.shape(), row);
      if (fault == row_fault::slot) {
        status const s = check_mask(c_.batch, t);
        return s.ok() ? check_ids(c_.batch, t) : s;
      }
      if (fault == row_fault::numbers) return bad_logit(t);
      if (c_.m.sums[row].at >= 0) return masked_id(t, c_.batch.token_id(t.response, t.slot));
      return wrong_at(t, status_code::logit_invalid, argument::logits, -special<double>::infinity);
    });
  }

 private:
  CPPO_HOST_DEVICE bool has_wrong_id(token_place const& t) noexcept {
    typename Block::template local<int> wrong{};
    logit_batch_view const& b = c_.batch;
    block_.apart([&](int th) {
      bool good = th > 0 || check_mask(b, t).ok();
      if (good && th == 0 && b.has_token_id())
        good = check_id(b.logits(), t, argument::token_id, b.token_id(t.response, t.slot)).ok();
      for (index_t j = th; j < c_.m.listed; j += Block::threads)
        good = good && check_id(b.logits(), t, argument::top_k, b.listed()(t.row, j)).ok();
      wrong[th] = good ? 0 : 1;
    });
    return block_.reduce(wrong, [](int a, int b) { return a | b; }) != 0;
  }
  CPPO_HOST_DEVICE row_fault pass_over(storage& shared, token_place const& t) noexcept {
    logit_rows const& x = c_.batch.logits();
    row_memory const& m = c_.m;
    logit_sums const s =
        pass(block_, shared, x, t.row).run(m.largest + t.row * m.most, m.largest_ids + t.row * m.most, m.most);
    auto const logit = [&](index_t j) {
      bool const sampled = j == 0, lent = !sampled || c_.batch.has_token_id();
      if (!lent) return -special<float>::infinity;
      index_t const id = sampled ? c_.batch.token_id(t.response, t.slot) : c_.batch.listed()(t.row, j - 1);
      return x.holds(id) ? x(t.row, id) : -special<float>::infinity;
    };
    block_.apart([&](int th) {
      for (index_t j = th; j <= m.listed; j += Block::threads) m.logits[t.row * (1 + m.listed) + j] = logit(j);
      if (th == 0) m.sums[t.row] = s;
    });
    if (is_bad(s)) return row_fault::numbers;
    bool const masked = c_.batch.has_token_id() && logit(0) == -special<float>::infinity;
    return s.at < 0 || masked ? row_fault::masked : row_fault::none;
  }
  /// The status for the first logit of a row that is NaN or +inf.
  CPPO_HOST_DEVICE status bad_logit(token_place const& t) noexcept {
    typename Block::template local<index_t> first{};
    logit_rows const& x = c_.batch.logits();
    block_.apart([&](int th) {
      first[th] = x.ids();
      for (index_t id = th; id < x.ids() && first[th] == x.ids(); id += Block::threads) {
        if (!(x(t.row, id) <= special<float>::largest)) first[th] = id;
      }
    });
    index_t const id = block_.reduce(first, [](index_t a, index_t b) { return a < b ? a : b; });
    return wrong_at(t, status_code::logit_invalid, argument::logits, static_cast<double>(x(t.row, id)), id);
  }

  Block& block_;
  rows_to_log_probs const& c_;
};

/// Writes number j of a row, if the call has not been refused.
CPPO_HOST_DEVICE inline void write_number(rows_to_log_probs const& c, index_t row, index_t j) noexcept {
  row_is const kind = kind_of(c.batch, row);
  if (kind == row_is::left_alone || !c.m.state->refused.ok()) return;
  bool const token = kind == row_is::token;
  logit_sums const s = token ? c.m.sums[row] : logit_sums{};
  double const t = c.batch.logits().temperature();
  float const* const logit = c.m.logits + row * (1 + c.m.listed);
  auto const slot = [&](placed_numbers const& to, double x) {
    to.set(slot_column(to, c.batch.shape()).offset(row), token ? x : 0.0);
  };
  if (j == 0) return slot(c.out.log_prob, s.log_prob(token ? logit[0] : 0.0F, t));
  if (j == 1) return slot(c.out.log_sum_exp, s.log_sum_exp(t));
  if (j == 2) return slot(c.out.entropy, s.entropy());
  j -= 3;
  if (j < c.out.listed.k) return c.out.listed.set(row, j, token ? s.log_prob(logit[1 + j], t) : 0.0);
  j -= c.out.listed.k;
  bool const found = token && j < c.m.most;
  float const x = found ? c.m.largest[row * c.m.most + j] : -special<float>::infinity;
  c.out.largest.set(row, j, token ? s.log_prob(x, t) : 0.0);
  c.out.largest_id.set(row, j, found ? static_cast<double>(c.m.largest_ids[row * c.m.most + j]) : -1.0);
}

/// A checked call that reads numbers of slots beside logits: one of `logits_gradient` or `full_divergences`.
template <class Call>
struct rows_with_numbers {
  Call call;
  row_memory m;
};
using rows_to_gradient = rows_with_numbers<gradient_call>;
using rows_to_divergences = rows_with_numbers<divergence_call>;

/// Checks a row; one thread does.
template <class Call>
CPPO_HOST_DEVICE void check_numbers_of(rows_with_numbers<Call> const& c, index_t row) noexcept {
  logit_batch_view const& batch = c.call.batch();
  row_fault fault = row_fault::none;
  if (kind_of(batch, row) == row_is::token) {
    bool const mask = check_mask(batch, token_of(batch.shape(), row)).ok(), good = mask && c.call.check_row(row).ok();
    fault = !mask ? row_fault::slot : good ? row_fault::none : row_fault::numbers;
  }
  c.m.faults[row] = fault;
}
template <class Block, class Call>
CPPO_HOST_DEVICE void conclude_numbers(Block& block, rows_with_numbers<Call> const& c) noexcept {
  logit_batch_view const& batch = c.call.batch();
  conclude_rows(block, c.m, batch.shape().elements(), [&](row_fault fault, index_t row) {
    return fault == row_fault::slot ? check_mask(batch, token_of(batch.shape(), row)) : c.call.check_row(row);
  });
}

/// Writes the gradient of a row.
template <class Block>
CPPO_HOST_DEVICE void write_gradient_row(Block& block, shared_gradient& shared, rows_to_gradient const& c,
                                         index_t row) noexcept {
  logit_batch_view const& batch = c.call.batch();
  row_is const kind = kind_of(batch, row);
  if (kind == row_is::left_alone || !c.m.state->refused.ok()) return;
  block_gradient<Block> one(block, shared, batch.logits(), c.call.gradient(), row);
  row_slopes const of = kind == row_is::token ? c.call.slopes(row) : row_slopes{};
  if (of.reads_logits()) one.run(of);
  else one.fill(of.is_nan() ? special<float>::nan : 0.0F);
}
/// Writes the divergences of a row.
template <divergences_are Which, class Block>
CPPO_HOST_DEVICE void write_divergences_row(Block& block, shared_divergence& shared, rows_to_divergences const& c,
                                            index_t row) noexcept {
  row_is const kind = kind_of(c.call.batch(), row);
  if (kind == row_is::left_alone || !c.m.state->refused.ok()) return;
  row_divergences d;
  if (kind == row_is::token) {
    d = block_divergence<Block, Which>(block, shared, {c.call.pi(), row, c.call.pi_policy(row)},
                                       {c.call.mu(), row, c.call.mu_policy(row)})
            .run();
  }
  block.apart([&](int th) {
    if (th == 0) c.call.write(row, d);
  });
}

/// What `policy_loss_from_logits` writes beside its decisions, and where from: the numbers of each row.
template <class Real>
struct rows_to_slots {
  logit_batch_view batch;
  call_state const* state;
  placed_numbers log_prob, entropy;
  Real const* log_probs;
  double const* entropies;
};
/// Writes those of a row, if the call has not been refused.
template <class Real>
CPPO_HOST_DEVICE void write_slot(rows_to_slots<Real> const& c, index_t row) noexcept {
  if (kind_of(c.batch, row) == row_is::left_alone || !c.state->refused.ok()) return;
  layout const& l = c.batch.shape();
  c.log_prob.set(slot_column(c.log_prob, l).offset(row), static_cast<double>(c.log_probs[row]));
  if (c.entropy.lent()) c.entropy.set(slot_column(c.entropy, l).offset(row), c.entropies[row]);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
