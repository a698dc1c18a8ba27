/// @file
/// Finds out if the rows of a padded batch are not its responses, from where response mask and advantage change.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/diagnosis_statistics.hpp>
#include <cppo/core/column.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A slot, as far as it helps to tell rows from columns.
struct slot_in_rows {
  bool active = false;      ///< true if it holds a token
  double advantage = 0.0;   ///< of the token
};

/// Watches R rows of W slots and finds out if the batch is W rows of R slots instead, or has its responses in columns.
///
/// Other rows: whatever marks a new response (a first token after padding, another advantage) stands where one of W
/// rows would begin, although there are fewer such places than places where it could stand if the rows were right.
/// Columns: from one row to the next the mask only loses tokens, in the middle of rows too, as it does when responses
/// run down the columns and end.
class layout_watch {
 public:
  explicit constexpr layout_watch(layout const& l) noexcept
      : rows_(l.responses()), width_(l.is_packed() ? 0 : l.width()), on_(rows_ >= 2 && width_ >= 4) {
    if (!on_) return;
    index_t const rarer = rows_ / common_divisor(rows_, width_);  // one in so many row ends is one of the others too
    at_row_end_ = log(static_cast<double>(rarer));
    elsewhere_ = log(static_cast<double>(rows_));
    if (rows_ % width_ == 0) rows_in_one_ = rows_ / width_;
  }

  /// True if the extents are such that an exchange can be found.
  constexpr bool on() const noexcept { return on_; }

  /// Takes the next slot, row by row, and the one above it.
  constexpr void see(slot_in_rows here, slot_in_rows above) noexcept {
    if (!on_) return;
    bool const active = here.active;
    double const advantage = here.advantage;
    if (at_ % width_ == 0) begin_row();
    bool const first = at_ == 0;
    if (!first && active && !was_active_) starts_.add(*this);
    if (!first && !active && was_active_) ends_.add(*this);
    if (!first && active && was_active_ && advantage != last_advantage_) changes_.add(*this);
    if (at_ >= width_) see_column(here, above);
    if (active && in_row_ > 0 && advantage != in_row_advantage_) ++(advantage > in_row_advantage_ ? rises_ : falls_);
    if (active) in_row_advantage_ = last_advantage_ = advantage;
    in_row_ += active ? 1 : 0;
    was_active_ = active;
    if (++at_ % width_ == 0) end_row();
  }

  /// True if rows and columns are exchanged.
  constexpr bool exchanged() const noexcept {
    if (!on_) return false;
    bool const by_mask = says_so(starts_, empty_rows_) || says_so(ends_, empty_rows_);
    bool const by_advantage = says_so(changes_, 0.0) && (starts_.in_place || ends_.in_place);
    bool const columns_end = !grows_ && shrinking_rows_ >= 12 && holed_rows_ >= 6;  // 13 masks in order: 1 / 13!
    bool const columns_share = unlike_above_ == 0 && like_above_ >= 32 && rises_ >= rows_ && falls_ >= rows_;
    return by_mask || by_advantage || columns_end || columns_share;
  }

 private:
  /// The places that mark a new response.
  struct marks {
    index_t count = 0;
    bool in_place = true;  ///< all of them where another row would begin
    double unlikely = 0.0; ///< -log of the probability of that by chance

    constexpr void add(layout_watch const& w) noexcept {
      ++count;
      in_place = in_place && w.at_ % w.rows_ == 0;
      unlikely += w.at_ % w.width_ == 0 ? w.at_row_end_ : w.elsewhere_;
    }
  };
  constexpr bool says_so(marks const& m, double more) const noexcept {
    return m.in_place && m.count > 0 && 2 * m.count >= width_ - 1 && m.unlikely + more > sure;
  }

  constexpr void begin_row() noexcept {
    in_row_ = 0;
    shrinks_ = holed_ = waits_ = false;
  }
  constexpr void see_column(slot_in_rows here, slot_in_rows above) noexcept {
    grows_ = grows_ || (here.active && !above.active);
    holed_ = holed_ || (here.active && waits_);
    if (!here.active && above.active) {
      shrinks_ = true;
      waits_ = waits_ || in_row_ > 0;
    }
    if (here.active && above.active) ++(here.advantage != above.advantage ? unlike_above_ : like_above_);
  }
  /// Counts rows without a token, which should stand together. By chance any order of full and empty rows is as likely.
  constexpr void end_row() noexcept {
    shrinking_rows_ += shrinks_ ? 1 : 0;
    holed_rows_ += holed_ ? 1 : 0;
    if (rows_in_one_ < 2) return;
    empty_here_ += in_row_ == 0 ? 1 : 0;
    if (at_ / width_ % rows_in_one_ != 0) return;
    empty_rows_ += log_choose(static_cast<double>(rows_in_one_), static_cast<double>(empty_here_));
    empty_here_ = 0;
  }

  index_t rows_, width_;
  bool on_;
  double at_row_end_ = 0.0, elsewhere_ = 0.0;
  index_t rows_in_one_ = 0;  // rows as read that make one of the others; 0: no whole number
  index_t at_ = 0;           // slots seen
  bool was_active_ = false;
  double last_advantage_ = 0.0;  // of the last token
  index_t in_row_ = 0;           // tokens seen in this row
  double in_row_advantage_ = 0.0;
  bool shrinks_ = false, holed_ = false, waits_ = false, grows_ = false;
  index_t shrinking_rows_ = 0, holed_rows_ = 0, empty_here_ = 0;
  index_t like_above_ = 0, unlike_above_ = 0, rises_ = 0, falls_ = 0;
  double empty_rows_ = 0.0;
  marks starts_, ends_, changes_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
