// The names of CUB that the headers mention where nothing is compiled for a device.
#pragma once

namespace cub {

enum BlockScanAlgorithm { BLOCK_SCAN_WARP_SCANS };
template <class T, int Threads, BlockScanAlgorithm Algorithm>
class BlockScan;
template <class T, int Threads>
class BlockReduce;
template <class T>
class WarpScan;
template <class T>
class WarpReduce;

}  // namespace cub
