/// @file
/// How a head's slab is filled, read and replaced by its gradient.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/decided_rows.hpp>
#include <cppo/logits/log_probs.hpp>
#include <cppo/logits/slab.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace cppo { inline namespace CPPO_ABI {

/// What a head was asked for in a call.
struct head_work {
  index_t logits_calls = 0;    ///< of `head.logits`
  index_t logits_rows = 0;     ///< their rows in all
  index_t gradient_calls = 0;  ///< of `head.hidden_gradient`, and of `head.head_gradient`
  index_t gradient_rows = 0;   ///< their rows in all
};

namespace detail {

/// The tokens of a batch whose logits a head makes, and those of them that are in the slab.
template <class Real, class Element, class Head>
class slab_pass {
 public:
  slab_pass(Head& head, head_rollout_view<Real, Element> const& batch, decided_rows<Real>& decided,
            moment_is moment) noexcept
      : head_(head), batch_(batch), decided_(decided), moment_(moment) {}

  /// Finds the tokens, checks their ids, and makes room for what a slab needs.
  status find() {
    tokens_.reserve(static_cast<std::size_t>(logits().shape().elements()));
    status const s = find_tokens(logits(), tokens_);
    if (!s.ok()) return s;
    auto const most = static_cast<std::size_t>(std::min(batch_.room(), tokens()));
    in_slab_.reserve(most);
    slots_.reserve(most);
    reserve(found_, logits(), most, 0);
    return s;
  }
  index_t tokens() const noexcept { return static_cast<index_t>(tokens_.size()); }
  token_place const& operator[](index_t i) const noexcept { return tokens_[static_cast<std::size_t>(i)]; }
  /// Where the response of token i ends.
  index_t end_of_response(index_t i) const noexcept {
    index_t const b = (*this)[i].response;
    while (i < tokens() && (*this)[i].response == b) ++i;
    return i;
  }
  head_work const& work() const noexcept { return work_; }
  /// The first token that has no log-prob although its row is one, of all slabs so far.
  status const& without_log_prob() const noexcept { return without_log_prob_; }

  /// Fills the slab with the rows of tokens first ... last - 1, and writes their log-probs.
  template <class E>
  status read(E const& executor, index_t first, index_t last) {
    in_slab_.assign(tokens_.begin() + first, tokens_.begin() + last);
    fill();
    found_.sums.resize(in_slab_.size());
    status const s = find_rows(executor, logits(), moment_, in_slab_, [](index_t i) { return i; }, found_);
    if (!s.ok()) return s;
    status const whole = check_found(logits(), in_slab_, found_);
    if (!whole.ok() && without_log_prob_.ok()) without_log_prob_ = whole;
    for (std::size_t i = 0; i < in_slab_.size() && whole.ok(); ++i) keep_numbers(i);
    return {};
  }
  /// Adds the gradient of those rows of the slab that have one.
  template <class E>
  void add_gradient(E const& executor) {
    std::size_t n = 0;
    for (std::size_t r = 0; r < in_slab_.size(); ++r) {
      if (!has_gradient(in_slab_[r])) continue;
      if (n != r) move_row(static_cast<index_t>(n), static_cast<index_t>(r));
      in_slab_[n++] = in_slab_[r];
    }
    in_slab_.resize(n);
    replace(executor);
  }
  /// Adds the gradient of tokens first ... last - 1, whose logits the head makes again.
  template <class E>
  void add_gradient_again(E const& executor, index_t first, index_t last) {
    in_slab_.clear();
    for (index_t i = first; i < last; ++i) {
      if (has_gradient((*this)[i])) in_slab_.push_back((*this)[i]);
      bool const full = static_cast<index_t>(in_slab_.size()) == batch_.room() || i + 1 == last;
      if (!full || in_slab_.empty()) continue;
      fill();
      replace(executor);
      in_slab_.clear();
    }
  }

 private:
  logit_batch_view const& logits() const noexcept { return slab_access::batch(batch_).logits(); }
  bool has_gradient(token_place const& t) const noexcept {
    row_slopes const of = decided_.slopes_of(t);
    return of.is_nan() || of.reads_logits();
  }
  head_rows rows() {
    slots_.clear();
    for (token_place const& t : in_slab_) slots_.push_back(t.row);
    return head_rows(slots_);
  }
  matrix_view<Element> slab() const noexcept { return batch_.first(static_cast<index_t>(in_slab_.size())); }

  void fill() {
    head_.logits(rows(), slab());
    ++work_.logits_calls;
    work_.logits_rows += static_cast<index_t>(in_slab_.size());
  }
  void move_row(index_t to, index_t from) const noexcept {
    logit_rows const& x = logits().logits();
    __builtin_memcpy(const_cast<void*>(x.row(to)), x.row(from),
                     static_cast<std::size_t>(x.vocabulary() * size_of(x.type())));
  }
  /// Puts the gradient of the rows in their place, and hands it to the head.
  template <class E>
  void replace(E const& executor) {
    if (in_slab_.empty()) return;
    logit_rows const& x = logits().logits();
    over_rows(executor, static_cast<index_t>(in_slab_.size()), x.vocabulary(), [&](index_t r) {
      row_slopes const of = decided_.slopes_of(in_slab_[static_cast<std::size_t>(r)]);
      write_gradient<typename logit_lanes<E>::type>(of, x, r, {const_cast<void*>(x.row(r)), x.type()});
    });
    matrix_view<Element> const d = slab();
    matrix_view<Element const> const view(d.data_handle(), d.extent(0), d.extent(1), d.stride(0), 1);
    head_rows const of = rows();
    head_.hidden_gradient(of, view);
    head_.head_gradient(of, view);
    ++work_.gradient_calls;
    work_.gradient_rows += of.size();
  }
  /// Writes what was found of a token of the slab, as `log_probs` does.
  void keep_numbers(std::size_t i) noexcept {
    slot_numbers<Real>& to = decided_.numbers();
    logit_sums const& s = found_.sums[i];
    auto const row = static_cast<std::size_t>(in_slab_[i].row), k = static_cast<std::size_t>(found_.listed);
    float const* const logit = found_.logits.data() + i * (1 + k);
    to.log_prob[row] = static_cast<Real>(s.log_prob(logit[0], found_.temperature));
    to.log_sum_exp[row] = s.log_sum_exp(found_.temperature);
    if (!to.entropy.empty()) to.entropy[row] = s.entropy();
    for (std::size_t j = 0; j < k; ++j) {
      to.listed[row * k + j] = static_cast<Real>(s.log_prob(logit[1 + j], found_.temperature));
    }
  }

  Head& head_;
  head_rollout_view<Real, Element> batch_;
  decided_rows<Real>& decided_;
  moment_is moment_;
  std::vector<token_place> tokens_, in_slab_;
  std::vector<index_t> slots_;
  found_logits found_;
  status without_log_prob_;
  head_work work_;
};

}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
