// The call on a device, which is compiled in a file of its own: it takes nvcc minutes.
#pragma once

#include "../src/batch.hpp"

#include <cppo/described.hpp>
#include <cppo/execution/cuda.cuh>

namespace c_api {

/// Where a call works.
struct device_place {
  cudaStream_t stream;
  void* workspace;
  std::size_t bytes;
};

/// The call in float.
cppo::status run_on_device(device_place const& p, lent_batch const& batch, cppo::described_region const& region,
                           cppo::loss_outputs const& outputs, cppo::loss_options const& options);

}  // namespace c_api
