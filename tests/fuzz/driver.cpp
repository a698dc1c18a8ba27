// Runs a fuzz target without libFuzzer: every given file, then inputs mutated from them, the same ones every time.
//
//     TARGET [--runs N] [--seed N] FILE...
//
// A file that the target refuses is an error: inputs mutated from it would test how it is refused, and no more.
#include "fault.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace {

using bytes = std::vector<std::uint8_t>;
constexpr std::size_t longest = 1 << 16;

bytes read(char const* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "%s: the file cannot be opened\n", path);
    std::exit(2);
  }
  bytes content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return content;
}

/// Random bytes, to mutate where no file is like what the target reads.
bytes random_input(std::mt19937_64& random) {
  bytes input(random() % 4000);
  std::generate(input.begin(), input.end(), [&random] { return static_cast<std::uint8_t>(random()); });
  return input;
}

bytes mutated(std::vector<bytes> const& corpus, std::mt19937_64& random) {
  auto const below = [&random](std::size_t n) { return n == 0 ? 0 : random() % n; };
  bytes input = below(4) == 0 ? random_input(random) : corpus[below(corpus.size())];
  if (input.size() > longest) input.resize(longest);
  for (std::size_t edits = 1 + below(8); edits > 0; --edits) {
    std::size_t const at = below(input.size() + 1);
    std::size_t const length = std::min(below(16), input.size() - at);
    auto const place = input.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(4)) {
      case 0: input.erase(place, place + static_cast<std::ptrdiff_t>(length)); break;
      case 1: input.insert(place, 1 + below(8), static_cast<std::uint8_t>(random())); break;
      case 2:
        std::for_each(place, place + static_cast<std::ptrdiff_t>(length),
                      [&](auto& b) { b = static_cast<std::uint8_t>(random()); });
        break;
      default: if (at < input.size()) input[at] = static_cast<std::uint8_t>(input[at] ^ (1U << below(8)));
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  unsigned long runs = 10000;
  unsigned long seed = 1;
  std::vector<bytes> corpus;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--runs") == 0 && i + 1 < argc) runs = std::strtoul(argv[++i], nullptr, 10);
    else if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < argc) seed = std::strtoul(argv[++i], nullptr, 10);
    else corpus.push_back(read(argv[i]));
  }
  std::size_t const files = corpus.size();
  for (std::size_t i = 0; i < files; ++i) {
    LLVMFuzzerTestOneInput(corpus[i].data(), corpus[i].size());
    if (fuzz::accepted != i + 1) return std::fprintf(stderr, "the target refuses file %zu of %zu\n", i + 1, files), 1;
  }
  std::mt19937_64 random(seed);
  if (files == 0) corpus.emplace_back();
  while (files == 0 && corpus.size() < 64) corpus.push_back(random_input(random));
  for (unsigned long i = 0; i < runs; ++i) {
    bytes const input = mutated(corpus, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  if (fuzz::accepted == files && runs > 0) return std::fprintf(stderr, "the target refuses every mutated input\n"), 1;
  std::printf("%zu files and %lu mutated inputs, %zu of them accepted, no fault\n", files, runs,
              fuzz::accepted - files);
}
