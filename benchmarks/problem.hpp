// Buffers of one problem size, and views of them as batches.
#pragma once

#include "bench_api.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace bench {

/// The functions of a library built for one instruction set.
struct library {
  std::string path, isa, compiler, flags;
  int lanes;
  decltype(&bench_policy_loss) policy_loss;
  decltype(&bench_quantiles) quantiles;
  decltype(&bench_twin) twin;
  decltype(&bench_exp) exp;
  decltype(&bench_fill) fill;
  decltype(&bench_fill_mask) fill_mask;
};

/// Loads a library. Throws std::runtime_error with one sentence.
library load(std::string const& path);

/// Memory in pages of its own, huge ones if the system grants them.
template <class T>
class pages {
 public:
  explicit pages(std::size_t n);
  T* data() const { return data_.get(); }

 private:
  struct release {
    void operator()(T* p) const;
  };
  std::unique_ptr<T, release> data_;
};
extern template class pages<float>;
extern template class pages<std::uint8_t>;

/// Response lengths: padded, all of T; or packed, spread by a sixteenth around T so that responses begin anywhere.
struct layout {
  std::int64_t length;
  bool is_packed;
  std::vector<std::int32_t> offsets;
};
layout make_layout(std::int64_t tokens, std::int64_t length, bool is_packed);

/// `copies` batches of `tokens` tokens each.
class problem {
 public:
  problem(library const& lib, std::int64_t tokens, int copies);

  std::int64_t tokens() const { return tokens_; }
  int copies() const { return copies_; }
  void draw_holes(double share);
  /// Copy c of the batch. `with_mask` lends the response mask.
  bench_batch batch(layout const& l, int c, bool with_mask) const;
  bench_outputs outputs(int c) const;
  /// Fills the outputs with junk. If the batch fits into the cache, reads the inputs into it.
  void before_call(int c, bool in_cache) const;

 private:
  library const* lib_;
  std::int64_t tokens_;
  int copies_;
  pages<float> log_prob_, rollout_, advantage_, gradient_;
  pages<std::uint8_t> response_mask_, mask_;
};

/// Bytes of memory that are available.
std::int64_t available_memory();

/// Spread of log pi - log mu for which P90 of D lies between 0.02 and 0.04 in every response.
inline constexpr double usual_spread = 0.029;

/// The preset of Table 3 for post-trained models, with the batch's tokens as the given normalizer.
bench_parameters post_trained(std::int64_t tokens);
bench_parameters base(std::int64_t tokens);

}  // namespace bench
