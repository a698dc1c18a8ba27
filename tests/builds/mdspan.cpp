// Real mdspans lent by every name: the standard library's, or CUDA's with -DCUDA_MDSPAN.
#include <cppo/cppo.hpp>

#if defined(CUDA_MDSPAN)
#include <cuda/std/mdspan>
namespace md = cuda::std;
#else
#include <mdspan>
namespace md = std;
#endif

#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

using namespace cppo;

namespace {

constexpr std::size_t rows = 3, columns = 5, slots = rows * columns;
using dynamic = md::dextents<int, 2>;
using fixed = md::extents<std::size_t, rows, columns>;

/// By Kokkos' rules: as layout_right, with rows padded to a multiple of 8.
struct padded_right {
  template <class Extents>
  class mapping {
   public:
    using extents_type = Extents;
    using index_type = typename Extents::index_type;
    using size_type = typename Extents::size_type;
    using rank_type = typename Extents::rank_type;
    using layout_type = padded_right;
    constexpr mapping() = default;
    constexpr mapping(Extents const& e) : extents_(e) {}
    constexpr Extents const& extents() const { return extents_; }
    constexpr index_type required_span_size() const { return extents_.extent(0) * stride(0); }
    constexpr index_type operator()(index_type i, index_type j) const { return i * stride(0) + j; }
    static constexpr bool is_always_unique() { return true; }
    static constexpr bool is_always_exhaustive() { return false; }
    static constexpr bool is_always_strided() { return true; }
    static constexpr bool is_unique() { return true; }
    static constexpr bool is_exhaustive() { return false; }
    static constexpr bool is_strided() { return true; }
    constexpr index_type stride(rank_type r) const { return r == 1 ? 1 : (extents_.extent(1) + 7) / 8 * 8; }
    friend constexpr bool operator==(mapping const& a, mapping const& b) { return a.extents_ == b.extents_; }

   private:
    Extents extents_{};
  };
};

/// As Kokkos' restrict accessor: another pointer type, the same elements.
template <class Element>
struct restricted {
  using offset_policy = restricted;
  using element_type = Element;
  using reference = Element&;
  using data_handle_type = Element* __restrict;
  constexpr reference access(data_handle_type p, std::size_t i) const { return p[i]; }
  constexpr Element* offset(Element* p, std::size_t i) const { return p + i; }
};

/// The values of [rows, columns] as a view of another layout holds them, in memory of its own.
template <class T, class Layout, class Extents>
struct kept {
  typename Layout::template mapping<Extents> map;
  std::vector<T> memory;
  template <class Mapping>
  kept(Mapping const& m, T const* from) : map(m), memory(static_cast<std::size_t>(m.required_span_size()), T(77)) {
    for (std::size_t i = 0; i < slots; ++i) memory[at(i)] = from[i];
  }
  std::size_t at(std::size_t i) const {
    using index = typename Extents::index_type;
    return static_cast<std::size_t>(map(static_cast<index>(i / columns), static_cast<index>(i % columns)));
  }
  auto view() { return md::mdspan<T, Extents, Layout>(memory.data(), map); }
  auto view() const { return md::mdspan<T const, Extents, Layout>(memory.data(), map); }
};

struct values {
  float mu[slots], pi[slots], a[slots], w[slots];
  int mask[slots];
  values() {
    for (std::size_t i = 0; i < slots; ++i) {
      mu[i] = -0.1F - 0.03F * static_cast<float>(i * 7 % 11);
      pi[i] = -0.1F - 0.04F * static_cast<float>(i * 5 % 13);
      a[i] = i % 3 == 0 ? -1.0F : 1.0F;
      w[i] = 1.0F + static_cast<float>(i % 4);
      mask[i] = i % 7 == 5 ? 0 : 1;
    }
  }
};

auto const region = presets::dense_base();

std::vector<float> expected(values const& v) {
  std::vector<float> g(slots);
  auto const batch = rollout_batch(padded(rows, columns), log_prob(v.pi), rollout_log_prob(v.mu), advantage(v.a),
                                   response_mask(v.mask), token_weight(v.w));
  return policy_loss(seq, batch, region, {.gradient = g}).ok() ? g : std::vector<float>();
}

/// All inputs and an output in one layout.
template <class Layout, class Extents, class Mapping>
bool same_bits(char const* what, values const& v, std::vector<float> const& want, Mapping const& m) {
  kept<float, Layout, Extents> const mu(m, v.mu), pi(m, v.pi), a(m, v.a), w(m, v.w);
  kept<int, Layout, Extents> const mask(m, v.mask);
  std::vector<float> const blank(slots, 5.0F);
  kept<float, Layout, Extents> g(m, blank.data());
  auto const batch = rollout_batch(padded(rows, columns), log_prob(pi.view()), rollout_log_prob(mu.view()),
                                   advantage(a.view()), response_mask(mask.view()), token_weight(w.view()));
  auto const out = g.view();
  bool good = policy_loss(seq, batch, region, {.gradient = out}).ok();
  for (std::size_t i = 0; i < slots; ++i) good = good && std::memcmp(&g.memory[g.at(i)], &want[i], sizeof(float)) == 0;
  if (!good) std::printf("%s: other bits\n", what);
  return good;
}

/// Rank 1: packed buffers, offsets, values per response.
bool packed_and_per_response(values const& v) {
  std::array<std::int64_t, 3> const cuts = {0, 5, static_cast<std::int64_t>(slots)};
  std::array<float, 2> const each = {1.0F, -1.0F};
  std::array<float, slots> one{}, other{};
  using line = md::mdspan<float const, md::dextents<int, 1>>;
  using restricted_line = md::mdspan<float const, md::dextents<int, 1>, md::layout_right, restricted<float const>>;
  auto const spans = rollout_batch(packed(md::mdspan<std::int64_t const, md::extents<int, 3>>(cuts.data())),
                                   log_prob(restricted_line(v.pi, slots)), rollout_log_prob(line(v.mu, slots)),
                                   advantage(per_response(line(each.data(), 2))));
  auto const pointers = rollout_batch(packed(cuts.data(), 2), log_prob(v.pi), rollout_log_prob(v.mu),
                                      advantage(per_response(each)));
  md::mdspan<float, md::dextents<int, 1>> const out(one.data(), slots);
  return policy_loss(seq, spans, region, {.gradient = out}).ok() &&
         policy_loss(seq, pointers, region, {.gradient = other}).ok() && one == other;
}

}  // namespace

int main() {
  values const v;
  std::vector<float> const want = expected(v);
  dynamic const shape(rows, columns);
  md::array<int, 2> const steps = {2, 7};  // transposed, with gaps
  bool const good = !want.empty() &&
                    same_bits<md::layout_right, dynamic>("layout_right", v, want, md::layout_right::mapping(shape)) &&
                    same_bits<md::layout_left, dynamic>("layout_left", v, want, md::layout_left::mapping(shape)) &&
                    same_bits<md::layout_right, fixed>("static extents", v, want, md::layout_right::mapping(fixed{})) &&
                    same_bits<md::layout_stride, dynamic>("layout_stride", v, want,
                                                          md::layout_stride::mapping<dynamic>(shape, steps)) &&
                    same_bits<padded_right, dynamic>("padded rows", v, want, padded_right::mapping<dynamic>(shape)) &&
                    packed_and_per_response(v);
  std::puts(good ? "mdspans of every layout give the bits of pointers" : "wrong");
  return good ? 0 : 1;
}
