// expect: 32 to 512 threads, a power of two
// expect: 16 to 256 threads, a power of two
#include <cppo/cppo.hpp>
#include <cppo/logits/block_call.hpp>
#include <cppo/testing/host_block.hpp>

using block = cppo::testing::host_block<192>;
using a = cppo::detail::block_pass<block, cppo::detail::moment_is::summed>;
using b = cppo::detail::block_divergence<block, cppo::detail::divergences_are::tv>;
auto const sizes = sizeof(a) + sizeof(b);
