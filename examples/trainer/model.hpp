// A Llama model: its shape, and where each tensor lies in one flat array of parameters.
#pragma once

#include "matrix.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace trainer {

/// Sizes of a Llama model: RMSNorm, rotary positions, grouped-query attention, SwiGLU, output matrix = embedding.
struct model_shape {
  int dim = 0;         ///< features of a token
  int hidden = 0;      ///< features inside the feed-forward block
  int layers = 0;
  int heads = 0;       ///< query heads
  int kv_heads = 0;    ///< key/value heads; divides `heads`
  int vocabulary = 0;
  int context = 0;     ///< longest sequence

  int head_dim() const { return dim / heads; }
  int kv_dim() const { return head_dim() * kv_heads; }
  /// Throws std::invalid_argument, with a sentence, if these sizes make no model.
  void check() const;
  bool operator==(model_shape const&) const = default;
};

/// The groups of parameters, in the order of the file.
enum class tensor {
  embedding,
  attention_norm,
  query,
  key,
  value,
  attention_out,
  feed_forward_norm,
  gate,
  down,
  up,
  final_norm
};
inline constexpr std::array all_tensors = {
    tensor::embedding, tensor::attention_norm, tensor::query, tensor::key, tensor::value, tensor::attention_out,
    tensor::feed_forward_norm, tensor::gate, tensor::down, tensor::up, tensor::final_norm};
/// The name of a group: "embedding", "query", ...
char const* name(tensor t);

/// The place of a group: `layers` matrices [rows, columns], one after the other.
struct tensor_place {
  Index first = 0;
  Index rows = 0;
  Index columns = 0;
  Index layers = 1;
  Index size() const { return rows * columns * layers; }
};

/// One number per parameter: a weight, a gradient, or a moment of the optimiser.
template <class Real>
class parameters {
 public:
  /// All zero.
  explicit parameters(model_shape const& shape);

  model_shape const& shape() const { return shape_; }
  tensor_place const& place(tensor t) const { return places_[static_cast<std::size_t>(t)]; }
  /// All numbers, group after group.
  std::vector<Real>& flat() { return values_; }
  std::vector<Real> const& flat() const { return values_; }

  /// One matrix of a group, [out, in]. A norm's gains are one row.
  matrix_map<Real> operator()(tensor t, int layer = 0) {
    tensor_place const& p = place(t);
    return {values_.data() + p.first + layer * p.rows * p.columns, p.rows, p.columns};
  }
  Eigen::Map<matrix<Real> const> operator()(tensor t, int layer = 0) const {
    tensor_place const& p = place(t);
    return {values_.data() + p.first + layer * p.rows * p.columns, p.rows, p.columns};
  }

 private:
  model_shape shape_;
  std::array<tensor_place, all_tensors.size()> places_;
  std::vector<Real> values_;
};

/// The same numbers in another arithmetic.
template <class To, class From>
parameters<To> converted(parameters<From> const& from) {
  parameters<To> to(from.shape());
  for (std::size_t i = 0; i < to.flat().size(); ++i) to.flat()[i] = static_cast<To>(from.flat()[i]);
  return to;
}

/// Reads seven int32 sizes and float32 tensors, little-endian (examples/data/README.md). Throws `input_error`.
parameters<float> read_model(std::string const& path);
/// Writes such a file: whole, or not at all, even if two programs write it at once. Throws `input_error`.
void write_model(std::string const& path, parameters<float> const& weights);
/// Random weights: norms are 1, matrices normal with deviation 1/sqrt(in), and the last matrix of each block is divided
/// by sqrt(2 layers). They are the same on every machine for the same seed.
parameters<float> random_model(model_shape const& shape, std::uint64_t seed);
/// The weights, each rounded to bfloat16, as inference engines hold them.
parameters<float> rounded_to_bfloat16(parameters<float> const& weights);

extern template class parameters<float>;
extern template class parameters<double>;

}  // namespace trainer
