/// @file
/// Parts of a trust region that a case chooses at run time: each asks the library's own, so that one region type, and
/// not one for every combination, is compiled.
#pragma once

#include "case_reader.hpp"

#include <cppo/cppo.hpp>

namespace conformance {

/// The divergence that a case names.
class case_divergence {
 public:
  explicit case_divergence(std::string const& name) : kind_(name == "given" ? kind::given : kind::binary_tv) {
    if (name == "binary_kl") kind_ = kind::binary_kl;
    else if (name != "binary_tv" && name != "given") throw unsupported("there is no divergence \"" + name + "\" here");
  }
  bool is_given() const noexcept { return kind_ == kind::given; }

  cppo::argument reads() const noexcept { return is_given() ? cppo::argument::divergence : cppo::argument::none; }
  template <class V>
  V at(cppo::token<V> const& t) const noexcept {
    if (kind_ == kind::given) return cppo::precomputed.at(t);
    if (kind_ == kind::binary_kl) return cppo::binary_kl.between(t.log_prob(), t.rollout_log_prob());
    return cppo::binary_tv.at(t);
  }

 private:
  enum class kind : std::uint8_t { binary_tv, binary_kl, given };
  kind kind_;
};

/// The weight that a case asks for.
struct case_weight {
  cppo::linear_weight_t linear;
  bool weighted;
  template <class V>
  constexpr V at(cppo::position<V> t, index_t length) const noexcept {
    return weighted ? linear.at(t, length) : cppo::uniform_weight.at(t, length);
  }
};

/// The clause that keeps what moves toward mu, or none.
struct case_toward {
  static constexpr cppo::clause kind = cppo::clause::toward;
  bool present;
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const noexcept {
    return present ? cppo::toward_rollout(t) : cppo::keep_none(t);
  }
};

}  // namespace conformance
