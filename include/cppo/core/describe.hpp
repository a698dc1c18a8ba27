/// @file
/// A status as one sentence: the argument, the place, the number, its range and the remedy.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/status.hpp>

#include <charconv>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI {

/// A text that owns its characters, `Capacity` of them at most. Trivially copyable; allocates nothing. A text that does
/// not fit ends in "...".
template <std::size_t Capacity>
class fixed_text {
 public:
  static constexpr std::size_t capacity = Capacity;  ///< characters, without the 0 that ends them

  /// The characters, ended by a 0.
  constexpr char const* c_str() const noexcept { return text_; }
  /// The characters, with their number.
  constexpr operator std::string_view() const& noexcept { return {text_, size_}; }
  constexpr operator std::string_view() const&& = delete;  // this text is gone before it is read: give it a name first
  /// Appends characters.
  void append(std::string_view more) noexcept {
    std::size_t const room = capacity - size_, n = more.size() < room ? more.size() : room;
    if (n > 0) std::memcpy(text_ + size_, more.data(), n);  // nothing may be at no address
    size_ += n;
    if (n < more.size()) std::memcpy(text_ + capacity - 3, "...", 3);
  }
  /// Appends a number in the fewest digits that give it back: those of a float if it is one.
  /// @{
  void append(double x) noexcept {
    if (x != x) return append(std::string_view("nan"));
    auto const narrow = static_cast<float>(x);
    if (static_cast<double>(narrow) == x) put(narrow);
    else put(x);
  }
  void append(index_t x) noexcept { put(x); }
  /// @}
  /// Appends a number in the fewest digits that give it back: those of a double if it is one.
  /// @{
  void append_exactly(double x) noexcept { put(x); }
  void append_exactly(std::uint64_t x) noexcept { put(x); }
  /// @}
  /// True if the characters are the same.
  friend constexpr bool operator==(fixed_text const& a, std::string_view b) noexcept {
    return std::string_view(a) == b;
  }
  /// Writes the characters into a stream.
  template <class Stream>
    requires requires(Stream& out, std::string_view text) { out << text; }
  friend Stream& operator<<(Stream& out, fixed_text const& t) {
    out << std::string_view(t);
    return out;
  }

 private:
  template <class T>
  void put(T x) noexcept {
    char digits[32];
    char const* const end = std::to_chars(digits, digits + sizeof digits, x).ptr;
    append(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  char text_[capacity + 1] = {};
  std::size_t size_ = 0;
};

/// A sentence about a status. Only long texts of a user's own `parameter_check` make one that does not fit.
using status_text = fixed_text<447>;

namespace detail {

/// Composes the sentence of a status.
class description {
 public:
  explicit description(status const& s) noexcept : s_(s) { write(); }
  status_text const& text() const noexcept { return text_; }

 private:
  template <class... Pieces>
  void say(Pieces const&... pieces) noexcept {
    (text_.append(pieces), ...);
  }
  bool piece() const noexcept { return s_.where == argument::carry && s_.response >= 0; }

  void write() noexcept {
    if (s_.code == status_code::bad_parameter) return parameter();
    if (s_.code == status_code::horizon_too_short && s_.has_value) {
      return say("response ", s_.response, " has ", s_.value, " valid tokens, but horizon is ", s_.wanted, remedy());
    }
    if (s_.code == status_code::carry_mismatch && piece() && s_.has_value) {
      say("piece ", s_.response, " has ", s_.value, " valid tokens, but carries and totals leave room for ");
      return say(s_.wanted, remedy());
    }
    if (s_.code == status_code::output_overlap && s_.other != argument::none) {
      return subject(), say(" shares memory with ", name(s_.other), remedy());
    }
    if (s_.code == status_code::workspace_too_small) {
      if (s_.count == 0) return say("the executor has no workspace", remedy());
      return say("the call needs a workspace of ", s_.count, " bytes", remedy());
    }
    if (s_.code == status_code::bad_offsets && s_.other == argument::layout) {
      say("cu_seqlens is ", s_.value, " after response ", s_.response, ", but there are ", s_.wanted, " slots");
      return say(remedy());
    }
    if (s_.code == status_code::bad_offsets && s_.where == argument::offsets && s_.wanted >= 0) {
      say("cu_seqlens goes from ", s_.wanted, " to ", s_.value, " at response ", s_.response);
      return say(", but", predicate());
    }
    if (s_.range != nullptr) return extent();
    if (s_.code == status_code::states_mismatch && s_.wanted == 0) {
      return say("this rule has no folds over the batch, so it needs no exchange: call policy_loss");
    }
    plain();
  }
  /// Says which option or parameter is out of range.
  void parameter() noexcept {
    if (s_.name != nullptr) {
      subject();
      if (s_.has_value) say(" is ", s_.value, ", but");
      return say(" must be ", s_.range);
    }
    if (s_.where != argument::region) return say(sentence(s_.code));
    say("a part of your own is outside its range, as its check() says: correct its parameters, or let check() return ",
        "a cppo::parameter_check, which names the one");
  }
  /// Says which number of elements, rows or entries is wrong.
  void extent() noexcept {
    subject();
    if (!s_.has_value) return say(" must have ", s_.range, remedy());
    say(" has ", s_.value, " ", s_.range, ", but must have ", s_.wanted, remedy());
  }
  /// Says what any other code means, with argument, place, number and count where there are any.
  void plain() noexcept {
    std::string_view const rest = predicate();
    bool const alone = s_.where == argument::none && s_.name == nullptr && rest == sentence(s_.code);
    if (!alone) {
      subject();
      place();
      if (s_.has_value) say(s_.where == argument::top_k ? " lists " : " is ", s_.value);
      bool const pieces = s_.code == status_code::piece_rejected;
      if (s_.count > 1 && !s_.nothing_written()) say(" (first of ", s_.count, pieces ? " pieces)" : " bad tokens)");
      if (rest.front() != ' ') say(": ");
      else if (s_.has_value) say(rest.starts_with(" must") ? ", but" : ", which");
    }
    say(rest);
    if (s_.code == status_code::device_error) say(" (cudaError_t ", s_.count, ")");
  }

  void subject() noexcept {
    if (piece()) return say("piece ", s_.response);
    if (s_.where == argument::options) say("option ");
    say(s_.name != nullptr ? s_.name : s_.where == argument::none ? "the buffer" : name(s_.where));
  }
  void place() noexcept {
    if (s_.response < 0 || piece()) return;
    say(s_.code == status_code::bad_pieces ? " at piece " : " at response ", s_.response);
    if (s_.token >= 0) say(", token ", s_.token);
    bool const logit = s_.code == status_code::logit_invalid || s_.code == status_code::sampled_id_masked;
    if (logit && s_.wanted >= 0) say(", id ", s_.wanted);
  }
  /// The sentence of the code without its subject, from the space after it on; the whole sentence if its subject is
  /// another.
  std::string_view predicate() const noexcept {
    bool const log_prob = s_.code == status_code::log_prob_invalid || s_.code == status_code::rollout_log_prob_invalid;
    if (log_prob && s_.has_value && s_.value > 0.0 && s_.value < std::numeric_limits<double>::infinity()) {
      return " must be at most 0 (plus log_prob_tolerance): lend log-probs, not probabilities; if rounding made it "
             "positive, raise log_prob_tolerance";
    }
    std::string_view const all = sentence(s_.code);
    if (piece()) return all;
    for (std::string_view const subject : {std::string_view("the buffer"), std::string_view(name(s_.where))}) {
      if (!subject.empty() && all.starts_with(subject) && all.substr(subject.size()).starts_with(' ')) {
        return all.substr(subject.size());
      }
    }
    return all;
  }
  /// ": " and the remedy.
  std::string_view remedy() const noexcept {
    std::string_view const all = sentence(s_.code);
    std::size_t const at = all.find(": ");
    return at < all.size() ? all.substr(at) : std::string_view{};
  }

  status const& s_;
  status_text text_;
};

}  // namespace detail

/// A status as one sentence: "rollout_log_prob at response 3, token 117 is nan (first of 4 bad tokens), but must be
/// finite ...: mask the token, or recompute it with the weights that sampled it". To print it:
/// `std::puts(describe(s).c_str())` or `std::cerr << describe(s)`. For the host. Allocates and throws nothing.
///
/// Positions count from 0. Where several things are wrong, the sentence names one: the region's before the options'; in
/// a region the first of divergence, weight, mask (from left to right) and gate; in the options the first that
/// `loss_options` declares.
inline status_text describe(status const& s) noexcept { return detail::description(s).text(); }

}}  // namespace cppo

#include <cppo/macros_on.inc>
