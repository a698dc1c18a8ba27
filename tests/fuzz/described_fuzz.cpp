// Text to a region as data: refused with a column, or read, written and read again as the same; and a call with it is
// the same on seq and simd. Bytes that are no such text are numbers that a region is made of.
#include "fault.hpp"
#include "support/any_region.hpp"

#include <cppo/cppo.hpp>
#include <cppo/described.hpp>
#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/generators.hpp>

#include <charconv>
#include <cstring>
#include <string_view>

namespace {

using namespace cppo;

// Every reason starts with the place, and is printable.
void demand_place(std::string_view text, std::string_view error) {
  constexpr std::string_view begin = "column ";
  fuzz::demand(error.starts_with(begin), "an error", "without a column:", error);
  std::size_t column = 0;
  std::from_chars(error.data() + begin.size(), error.data() + error.size(), column);
  fuzz::demand(column >= 1 && column <= text.size() + 1, "an error", "outside the text:", error);
  bool const plain = std::all_of(error.begin(), error.end(), [](char c) { return c >= ' ' && c <= '~'; });
  fuzz::demand(plain, "an error", "with other characters than printable ASCII:", error);
}
// A batch that depends on the text alone.
testing::generated_batch<float> batch_for(std::string_view text) {
  std::uint64_t seed = 0xcbf29ce484222325U;
  for (char const c : text) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return testing::generate<float>(seed, {.max_responses = 3, .max_length = 40, .top_k = 3, .divergence = true});
}
void compare_executors(std::string_view text, described_region const& region) {
  auto const batch = batch_for(text);
  auto const want = testing::capture(seq, batch, region, {});
  auto const got = testing::capture(simd, batch, region, {});
  fuzz::demand(want.outcome.ok(), "seq", "refuses a region that was read:", want.outcome.message());
  fuzz::demand(got.outcome.ok(), "simd", "refuses a region that was read:", got.outcome.message());
  auto const d = testing::compare(got, want, batch.rows_and_spare());
  fuzz::demand(!d.found, "simd", "has another value of", d.output);
  fuzz::demand(testing::same_bits(got.report, want.report), "simd", "has another report than seq", "");
}

void check_region(std::string_view bytes, described_region const& region) {
  fuzz::demand(region.check().in_range, "a region", "is refused by its own check()", "");
  region_text const written = to_text(region);
  auto const again = parse_region(written);
  fuzz::demand(again.good && again.region == region, "to_text", "makes another region:", written);
  fuzz::demand(to_text(again.region) == written, "to_text", "is not canonical:", written);
  compare_executors(bytes, region);
}
described_region made_of(std::string_view bytes) {
  std::vector<std::uint64_t> numbers(bytes.size() / 8);
  if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), numbers.size() * 8);
  cppo_test::choices from(std::move(numbers));
  return cppo_test::any_region(from);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  constexpr double numbers[] = {0.125, 0.5};
  auto const read = parse_region(text, numbers);
  if (read) {
    check_region(text, read.region);
    ++fuzz::accepted;
    return 0;
  }
  demand_place(text, read.error);
  fuzz::demand(read.region == described_region(), "a refused text", "makes a region", "");
  check_region(text, made_of(text));
  return 0;
}
