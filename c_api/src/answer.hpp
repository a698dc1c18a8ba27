// How a function of the interface ends: a status with its sentence, whatever happens inside.
#pragma once

#include <cppo.h>

#include <cppo/core/describe.hpp>

#include <new>

namespace c_api {

/// Begins a status: all is well so far.
inline void reset(cppo_status& s) noexcept {
  s.code = s.where = 0;
  s.response = s.token = -1;
  s.count = 0;
  s.message[0] = '\0';
}

/// Puts a sentence of this interface into the status. Returns false.
template <class... Pieces>
bool refuse(cppo_status& s, int code, cppo::argument where, Pieces const&... pieces) noexcept {
  static_assert(sizeof s.message == cppo::status_text::capacity + 1);
  cppo::status_text text;
  (text.append(pieces), ...);
  reset(s);
  s.code = code;
  s.where = static_cast<std::int32_t>(where);
  std::memcpy(s.message, text.c_str(), std::string_view(text).size() + 1);
  return false;
}
using word = std::string_view;

/// The pointer, unless it is null: then the sentence says so.
inline bool given(void const* p, char const* name, cppo_status& s) noexcept {
  return p != nullptr || refuse(s, cppo_bad_argument, cppo::argument::none, word(name), word(" is null: pass one"));
}

/// Hands on a status of the C++ library. True if it is ok.
inline bool take(cppo::status const& from, cppo_status& s) noexcept {
  reset(s);
  s.code = static_cast<std::int32_t>(from.code);
  s.where = static_cast<std::int32_t>(from.where);
  s.response = from.response;
  s.token = from.token;
  s.count = from.count;
  if (from.code == cppo::status_code::ok) return true;
  cppo::status_text const text = describe(from);
  std::memcpy(s.message, text.c_str(), std::string_view(text).size() + 1);
  return from.ok();
}

inline bool out_of_memory(cppo_status& s) noexcept {
  return refuse(s, cppo_no_memory, cppo::argument::none,
                word("there is no memory left: use shorter responses, fewer threads, or free some"));
}
inline bool failed(cppo_status& s) noexcept {
  return refuse(s, cppo_failed, cppo::argument::none,
                word("the call failed with an exception, and outputs are not valid: please report it"));
}

/// Runs f(status) and returns its code. No exception leaves it.
template <class F>
std::int32_t answered(cppo_status* wanted, F const& f) noexcept {
  cppo_status own;
  cppo_status& s = wanted != nullptr ? *wanted : own;
  reset(s);
  try {
    f(s);
  } catch (std::bad_alloc const&) {
    out_of_memory(s);
  } catch (...) {
    failed(s);
  }
  return s.code;
}

/// A structure as its caller knows it: no more is read than its size, and no member is passed over that was set.
/// `first`: its size in the first version of the interface; what was added later is 0 where it is not there.
template <class T>
bool take_structure(T const* from, char const* name, T& into, cppo_status& s,
                    std::uint64_t first = sizeof(T)) noexcept {
  if (!given(from, name, s)) return false;
  constexpr std::uint64_t most = 4096;
  std::uint64_t const size = from->size;
  auto const wrong = [&](auto const&... why) {
    return refuse(s, cppo_bad_argument, cppo::argument::none, word(name), word("->size is "),
                  static_cast<cppo::index_t>(size < (std::uint64_t{1} << 62) ? size : 0), why...);
  };
  if (size < first || size > most) {
    return wrong(word(", but must be the size of the structure, "), static_cast<cppo::index_t>(sizeof(T)),
                 word(" bytes or more: set it to sizeof"));
  }
  auto const* const bytes = reinterpret_cast<unsigned char const*>(from);
  for (std::uint64_t i = sizeof(T); i < size; ++i) {
    if (bytes[i] != 0) {
      return wrong(word(", and a member is set which this library does not know: load a newer one, or leave it 0"));
    }
  }
  into = {};
  std::memcpy(&into, from, size < sizeof(T) ? size : sizeof(T));
  return true;
}

}  // namespace c_api
