// Weights as the forward pass reads them.
#pragma once

#include "model.hpp"

namespace trainer {

/// Weights, and each matrix turned to [in, out]. The weights must outlive it, and not change.
template <class Real>
class turned_weights {
 public:
  explicit turned_weights(parameters<Real> const& weights) : weights_(weights), turned_(weights.flat().size()) {
    for (tensor const t : all_tensors) {
      for (int l = 0; l < weights.place(t).layers; ++l) {
        auto const plain = weights(t, l);
        matrix_map<Real>(turned_.data() + first(t, l), plain.cols(), plain.rows()) = plain.transpose();
      }
    }
  }

  model_shape const& shape() const { return weights_.shape(); }
  /// One matrix of a group, [in, out].
  Eigen::Map<matrix<Real> const> operator()(tensor t, int layer = 0) const {
    tensor_place const& p = weights_.place(t);
    return {turned_.data() + first(t, layer), p.columns, p.rows};
  }
  /// As the weights have it: [out, in]; a norm's gains are one row.
  Eigen::Map<matrix<Real> const> plain(tensor t, int layer = 0) const { return weights_(t, layer); }

 private:
  Index first(tensor t, int layer) const {
    tensor_place const& p = weights_.place(t);
    return p.first + layer * p.rows * p.columns;
  }

  parameters<Real> const& weights_;
  std::vector<Real> turned_;
};

}  // namespace trainer
