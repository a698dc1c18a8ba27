// A linear head by loops, which counts what it is asked for, and remembers the gradient of each row of logits.
#pragma once

#include <cppo/logits/slab.hpp>

#include "support/logit_oracle.hpp"

#include <stdexcept>

namespace cppo_test {

template <class Element>
struct naive_head {
  std::size_t hidden_size, vocabulary;
  std::vector<float> hidden, weight;              // [N, H], [H, V]
  std::vector<double> hidden_sum, weight_sum;     // their gradients
  std::vector<Element> rows_seen;                 // [N, V]: the gradient of each row of logits, +0 where none came
  std::vector<int> computed, with_gradient;       // how often a slot was asked for
  std::vector<cppo::index_t> sizes;               // rows of each call of `logits`
  int gradient_calls = 0, throws_in = 0;          // the call of `logits` that throws; below 0: of `head_gradient`
  bool rising = true;

  naive_head(std::uint64_t seed, std::size_t slots, std::size_t h, std::size_t v)
      : hidden_size(h), vocabulary(v), hidden_sum(slots * h), weight_sum(h * v), rows_seen(slots * v),
        computed(slots), with_gradient(slots) {
    drawn_numbers draw(seed);
    for (std::size_t i = 0; i < slots * h; ++i) hidden.push_back(static_cast<float>(draw.normal()));
    for (std::size_t i = 0; i < h * v; ++i) weight.push_back(static_cast<float>(draw.normal()));
  }

  // Row `slot` of all logits, where they are computed at once.
  Element logit(std::size_t slot, std::size_t v) const {
    double x = 0.0;
    for (std::size_t j = 0; j < hidden_size; ++j) {
      x += static_cast<double>(hidden[slot * hidden_size + j]) * static_cast<double>(weight[j * vocabulary + v]);
    }
    return Element(static_cast<float>(x));
  }
  std::vector<Element> all_logits() const {
    std::vector<Element> x;
    for (std::size_t i = 0; i < computed.size() * vocabulary; ++i) x.push_back(logit(i / vocabulary, i % vocabulary));
    return x;
  }

  void logits(cppo::head_rows rows, cppo::matrix_view<Element> x) {
    sizes.push_back(rows.size());
    if (static_cast<int>(sizes.size()) == throws_in) throw std::runtime_error("no product");
    rising = rising && x.extent(0) == rows.size() && x.extent(1) == static_cast<cppo::index_t>(vocabulary);
    for (cppo::index_t r = 0; r < rows.size(); ++r) {
      rising = rising && (r == 0 || rows[r - 1] < rows[r]);
      auto const slot = static_cast<std::size_t>(rows[r]);
      ++computed[slot];
      for (std::size_t v = 0; v < vocabulary; ++v) x(r, static_cast<cppo::index_t>(v)) = logit(slot, v);
    }
  }
  void hidden_gradient(cppo::head_rows rows, cppo::matrix_view<Element const> d) {
    for (cppo::index_t r = 0; r < rows.size(); ++r) {
      auto const slot = static_cast<std::size_t>(rows[r]);
      ++with_gradient[slot];
      for (std::size_t v = 0; v < vocabulary; ++v) {
        rows_seen[slot * vocabulary + v] = d(r, static_cast<cppo::index_t>(v));
        auto const of_logit = static_cast<double>(number_of(rows_seen[slot * vocabulary + v]));
        for (std::size_t j = 0; j < hidden_size; ++j) {
          hidden_sum[slot * hidden_size + j] += of_logit * static_cast<double>(weight[j * vocabulary + v]);
        }
      }
    }
  }
  void head_gradient(cppo::head_rows rows, cppo::matrix_view<Element const> d) {
    if (++gradient_calls == -throws_in) throw std::runtime_error("no product");
    for (cppo::index_t r = 0; r < rows.size(); ++r) {
      auto const slot = static_cast<std::size_t>(rows[r]);
      for (std::size_t k = 0; k < hidden_size * vocabulary; ++k) {
        auto const of_logit = static_cast<double>(number_of(d(r, static_cast<cppo::index_t>(k % vocabulary))));
        weight_sum[k] += static_cast<double>(hidden[slot * hidden_size + k / vocabulary]) * of_logit;
      }
    }
  }
};

}  // namespace cppo_test
