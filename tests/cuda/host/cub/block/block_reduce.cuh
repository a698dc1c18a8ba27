// The names of CUB that the headers mention where nothing is compiled for a device.
#pragma once

namespace cub {

template <class T, int Threads>
class BlockReduce;

}  // namespace cub
