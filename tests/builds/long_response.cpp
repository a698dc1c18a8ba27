// A response of more than 2^31 slots, and one that begins past them: the last slots are read and written, and the last
// one is named where it is bad. `--all`: more than 2^32, every executor in every way; minutes.
#include <cppo/cppo.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <sys/mman.h>
#include <unistd.h>

namespace {

using namespace cppo;

constexpr index_t tokens = 5;

int wrong = 0;

void demand(bool holds, char const* what) {
  if (holds) return;
  ++wrong;
  std::printf("%s\n", what);
}

// n elements in little memory: the last ones have 2 MiB of their own, all others are the same 2 MiB again and
// again. What is written there overwrites itself; what is never written is 0.
template <class T>
class long_buffer {
 public:
  explicit long_buffer(index_t n)
      : bytes_((static_cast<std::size_t>(n) * sizeof(T) + window - 1) / window * window), size_(n) {
    int const pages = memfd_create("cppo", 0);
    if (pages < 0 || ftruncate(pages, window) != 0) fail();
    void* const room = mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) fail();
    first_ = static_cast<unsigned char*>(room);
    constexpr int writable = PROT_READ | PROT_WRITE;
    for (std::size_t at = 0; at < bytes_; at += window) {
      bool const last = at + window == bytes_;
      int const kind = MAP_FIXED | (last ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
      if (mmap(first_ + at, window, writable, kind, last ? -1 : pages, 0) == MAP_FAILED) fail();
    }
    close(pages);
  }
  long_buffer(long_buffer const&) = delete;
  long_buffer& operator=(long_buffer const&) = delete;
  ~long_buffer() { munmap(first_, bytes_); }

  T* data() const { return reinterpret_cast<T*>(first_); }
  index_t size() const { return size_; }
  T* last() const { return data() + size_ - tokens; }

 private:
  static constexpr std::size_t window = std::size_t{1} << 21;
  [[noreturn]] static void fail() {
    std::printf("so much address space cannot be had here (%s): skipped\n", std::strerror(errno));
    std::exit(77);
  }
  unsigned char* first_;
  std::size_t bytes_;
  index_t size_;
};

struct buffers {
  explicit buffers(index_t n) : pi(n), mu(n), gradient(n), active(n), mask(n) {}
  long_buffer<float> pi, mu, gradient;
  long_buffer<std::uint8_t> active, mask;
};

float const near_pi[tokens] = {-0.3F, -1.0F, -2.5F, -0.1F, -0.7F};
float const near_mu[tokens] = {-0.5F, -0.2F, -2.0F, -0.1F, -0.9F};

// What the last tokens must come to: those of a response that is no longer than they are.
struct expectation {
  float gradient[tokens];
  std::uint8_t mask[tokens];
  report counted;
};
template <class Region>
expectation expected_of(Region const& region, float const* advantage_of_it) {
  expectation e;
  auto const short_one = rollout_batch(padded(1, tokens), log_prob(near_pi), rollout_log_prob(near_mu),
                                       advantage(per_response(std::span<float const>(advantage_of_it, 1))));
  demand(policy_loss(seq, short_one, region, {.gradient = e.gradient, .mask = e.mask, .report = &e.counted}).ok(),
         "short");
  return e;
}

void place_last_tokens(buffers const& x) {
  std::memcpy(x.pi.last(), near_pi, sizeof near_pi);
  std::memcpy(x.mu.last(), near_mu, sizeof near_mu);
  std::memset(x.active.last(), 1, tokens);
  std::memset(x.mask.last(), 9, tokens);
  std::memset(x.gradient.last(), 0x55, sizeof near_pi);
}

template <class Executor>
void run(Executor const& executor, buffers const& x, layout const& shape, int refusals, char const* name) {
  float const advantages[] = {1.0F, -1.0F};
  auto const region = fixed_cppo({.delta = 0.1, .delta_b = 0.05});
  index_t const b = shape.responses() - 1;
  float const* const a = advantages + (b == 0 ? 1 : 0);  // the last response has -1
  auto const batch = rollout_batch(shape, log_prob(x.pi), rollout_log_prob(x.mu), response_mask(x.active),
                                   advantage(per_response(std::span<float const>(a, static_cast<std::size_t>(b) + 1))));
  expectation const want = expected_of(region, advantages + 1);
  report have;
  auto const whole = [&] {
    return policy_loss(executor, batch, region, {.gradient = x.gradient, .mask = x.mask, .report = &have});
  };
  place_last_tokens(x);
  demand(whole().ok(), name);
  demand(std::memcmp(x.gradient.last(), want.gradient, sizeof want.gradient) == 0, name);
  demand(std::memcmp(x.mask.last(), want.mask, sizeof want.mask) == 0, name);
  demand(have.counts.tokens == tokens && have.loss() == want.counted.loss() && have.kept == want.counted.kept,
         name);

  auto const refused = [&](status_code code) {
    status const s = whole();
    demand(s.code == code && s.response == b && s.token == shape.slots(b) - 1, name);
    for (index_t i = 0; i < tokens; ++i) demand(x.gradient.last()[i] == 0.0F && x.mask.last()[i] == 0, name);
  };
  if (refusals < 1) return;
  x.active.last()[tokens - 1] = 7;
  refused(status_code::response_mask_invalid);
  if (refusals < 2) return;
  x.active.last()[tokens - 1] = 1;
  x.mu.last()[tokens - 1] = std::numeric_limits<float>::quiet_NaN();
  refused(status_code::rollout_log_prob_invalid);
}

}  // namespace

int main(int argc, char** argv) {
  bool const all = argc > 1 && std::strcmp(argv[1], "--all") == 0;
  index_t const slots = (index_t{1} << (all ? 32 : 31)) + 17;
  buffers const x(slots);
  std::int64_t const cuts[] = {0, slots - 16, slots};
  layout const one = padded(1, slots), two = packed(cuts, 2);
  run(seq, x, one, all ? 2 : 0, "seq, one response");
  run(simd, x, one, all ? 2 : 1, "simd, one response");
  run(simd, x, two, 2, "simd, two responses");
  if (all) {
    run(seq, x, two, 2, "seq, two responses");
    run(simd.with_threads(2, 1), x, two, 2, "simd, two responses, two threads");
  }
  if (wrong == 0) std::printf("the last of %lld slots are read and written\n", static_cast<long long>(slots));
  return wrong == 0 ? 0 : 1;
}
