// The names of CUB that the headers mention where nothing is compiled for a device.
#pragma once

namespace cub {

enum BlockScanAlgorithm { BLOCK_SCAN_WARP_SCANS };
template <class T, int Threads, BlockScanAlgorithm Algorithm>
class BlockScan;

}  // namespace cub
