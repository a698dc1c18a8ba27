// A sum in the order that `cppo::report` documents: 16 lanes by rank in the response, chunks of 256 tokens in float.
#pragma once

#include <cppo/core/types.hpp>

namespace cppo_test {

class lane_recount {
 public:
  void add(cppo::index_t rank, float x) {
    block_[rank % 16] += x;
    if (rank % 256 == 255) end_chunk();
  }
  /// The sum, except for the last bits of a double: the lanes are added in another order.
  double sum() {
    end_chunk();
    double total = 0.0;
    for (double lane : lanes_) total += lane;
    return total;
  }

 private:
  void end_chunk() {
    for (int j = 0; j < 16; ++j) {
      lanes_[j] += static_cast<double>(block_[j]);
      block_[j] = 0.0F;
    }
  }
  float block_[16] = {};
  double lanes_[16] = {};
};

}  // namespace cppo_test
