/// @file
/// Which slots of a batch of logits are tokens, if the ids there are columns, and the status where something is wrong.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/batch.hpp>

#include <cstdint>
#include <vector>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A token of a batch: its response, its slot there, and its row of logits.
struct token_place {
  index_t response, slot, row;
};
/// The token of a row of a response.
CPPO_HOST_DEVICE constexpr token_place token_of(layout const& l, index_t row) noexcept {
  if (!l.is_packed()) return {row / l.width(), row % l.width(), row};
  index_t b = 0;  // the last response that begins there or before
  for (index_t end = l.responses(); end - b > 1;) {
    index_t const middle = b + (end - b) / 2;
    if (l.begin(middle) <= row) b = middle;
    else end = middle;
  }
  return {b, row - l.begin(b), row};
}

/// The status for a wrong number at a token; of a logit with its id.
CPPO_HOST_DEVICE constexpr status wrong_at(token_place const& t, status_code code, argument where, double x,
                                           index_t id = -1, char const* name = nullptr) noexcept {
  return {.code = code, .where = where, .response = t.response, .token = t.slot, .count = 1, .has_value = true,
          .value = x, .wanted = id, .name = name};
}
/// Checks that a slot is a token or excluded.
CPPO_HOST_DEVICE inline status check_mask(logit_batch_view const& batch, token_place const& t) noexcept {
  if (batch.active(t.response, t.slot) <= 1) return {};
  column const& m = batch.mask();
  double const x = load<double>(m.data, m.type, m.offset(batch.shape(), t.response, t.slot));
  return wrong_at(t, status_code::response_mask_invalid, argument::response_mask, x);
}
/// Checks that an id is one of the vocabulary.
CPPO_HOST_DEVICE constexpr status check_id(logit_rows const& x, token_place const& t, argument where,
                                           index_t id) noexcept {
  if (id < x.ids() && (id >= 0 || where == argument::top_k)) return {};  // in lists an empty entry is below 0
  return wrong_at(t, status_code::id_out_of_vocabulary, where, static_cast<double>(id));
}
/// Checks all ids at a token.
CPPO_HOST_DEVICE inline status check_ids(logit_batch_view const& batch, token_place const& t) noexcept {
  logit_rows const& x = batch.logits();
  status s;
  if (batch.has_token_id()) s = check_id(x, t, argument::token_id, batch.token_id(t.response, t.slot));
  for (index_t j = 0; j < batch.listed().k && s.ok(); ++j) {
    s = check_id(x, t, argument::top_k, batch.listed()(t.row, j));
  }
  return s;
}
/// The status for a sampled id whose logit is -inf.
CPPO_HOST_DEVICE constexpr status masked_id(token_place const& t, index_t id) noexcept {
  return wrong_at(t, status_code::sampled_id_masked, argument::logits, -special<double>::infinity, id);
}

/// Calls f(place) for each slot of a response, in order, until it returns a status that is not ok.
template <class F>
status each_slot(logit_batch_view const& batch, F const& f) {
  layout const& l = batch.shape();
  status s;
  for (index_t b = 0; b < l.responses(); ++b) {
    for (index_t i = 0; i < l.slots(b) && s.ok(); ++i) s = f(token_place{b, i, batch.row(b, i)});
  }
  return s;
}
/// Finds the tokens of a batch, and checks their ids. Rows of logits are not read.
inline status find_tokens(logit_batch_view const& batch, std::vector<token_place>& tokens) {
  return each_slot(batch, [&](token_place const& t) {
    status s = check_mask(batch, t);
    if (!s.ok() || batch.active(t.response, t.slot) == 0) return s;
    s = check_ids(batch, t);
    if (s.ok()) tokens.push_back(t);
    return s;
  });
}

/// What is done with a row.
enum class row_is : std::uint8_t {
  left_alone,  ///< its slot belongs to another call
  excluded,    ///< it belongs to no token: outputs are +0
  token,
};
/// What is done with each row of a batch: a byte a slot.
class row_kinds {
 public:
  explicit row_kinds(logit_batch_view const& batch)
      : kinds_(static_cast<std::size_t>(batch.shape().elements()),
               batch.shape().clears_rest() ? row_is::excluded : row_is::left_alone) {
    first_bad_ = each_slot(batch, [&](token_place const& t) {
      bool const token = batch.active(t.response, t.slot) == 1;
      kinds_[static_cast<std::size_t>(t.row)] = token ? row_is::token : row_is::excluded;
      return check_mask(batch, t);
    });
  }
  row_is operator[](index_t row) const noexcept { return kinds_[static_cast<std::size_t>(row)]; }
  /// That of row 0, before the others.
  row_is const* data() const noexcept { return kinds_.data(); }
  /// The first mask value that is neither 0 nor 1; ok if there is none, and then every row has its kind.
  status const& first_bad() const noexcept { return first_bad_; }

 private:
  std::vector<row_is> kinds_;
  status first_bad_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
