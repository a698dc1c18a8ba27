// This file includes nothing of the standard library whose functions another file may hold too: they would be compiled
// for this machine's processor here and for any processor there, and the linker would keep one of the two.
#include "kernels.hpp"

#if defined(__AVX512F__)
#include <immintrin.h>  // loads and stores of some numbers; its functions leave no copies
#endif

namespace trainer::kernels {

namespace {

// Vectors of the compiler: on narrower registers it uses several, with the same results.
using floats16 [[gnu::vector_size(64)]] = float;
using ints16 [[gnu::vector_size(64)]] = int;
using floats8 [[gnu::vector_size(32)]] = float;
using floats1 [[gnu::vector_size(4)]] = float;

template <class Vector>
constexpr long lanes = sizeof(Vector) / sizeof(float);

template <class Vector>
inline Vector load(float const* from) {
  Vector v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
template <class Vector>
inline void store(float* to, Vector v) {
  __builtin_memcpy(to, &v, sizeof v);
}
/// The first n of the vector's numbers; the others are `rest`.
inline floats16 load_some(float const* from, long n, float rest = 0.0F) {
  floats16 v = rest - floats16{};
#if defined(__AVX512F__)
  return _mm512_mask_loadu_ps(v, static_cast<__mmask16>((1U << n) - 1U), from);
#else
  __builtin_memcpy(&v, from, static_cast<unsigned long>(n) * sizeof(float));
  return v;
#endif
}
inline void store_some(float* to, floats16 v, long n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1U << n) - 1U), v);
#else
  __builtin_memcpy(to, &v, static_cast<unsigned long>(n) * sizeof(float));
#endif
}

inline long smaller(long a, long b) { return a < b ? a : b; }

// ---- products ----------------------------------------------------------------------------------------------------

// Rows and vectors of a tile: as many sums as registers hold.
#if defined(__AVX512F__)
constexpr int tile_rows = 8, tile_vectors = 2;
#elif defined(__AVX__)
constexpr int tile_rows = 6, tile_vectors = 1;
#else
constexpr int tile_rows = 3, tile_vectors = 1;
#endif
/// So many terms are summed at once: what a column needs beside full vectors fits the stack.
constexpr long longest_sum = 1024;

template <class Vector, int Rows, int Vectors>
inline void tile(product const& p, write how) {
  Vector sum[Rows][Vectors] = {};
  float const* a = p.a;
  float const* b = p.b;
  for (long k = 0; k < p.inner; ++k, a += p.a_column, b += p.b_row) {
    Vector y[Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) y[v] = load<Vector>(b + v * lanes<Vector>);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      float const x = a[r * p.a_row];
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) sum[r][v] += x * y[v];
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vectors; ++v) {
      float* const c = p.c + r * p.c_row + v * lanes<Vector>;
      store(c, how == write::added ? load<Vector>(c) + sum[r][v] : sum[r][v]);
    }
  }
}

template <class Vector, int Vectors, int Rows = tile_rows>
inline void last_rows(product const& p, write how) {
  if constexpr (Rows > 0) {
    if (p.rows == Rows) return tile<Vector, Rows, Vectors>(p, how);
    last_rows<Vector, Vectors, Rows - 1>(p, how);
  }
}

/// All rows of as many columns as the vectors hold.
template <class Vector, int Vectors>
void panel(product p, write how) {
  for (; p.rows >= tile_rows; p.rows -= tile_rows) {
    tile<Vector, tile_rows, Vectors>(p, how);
    p.a += tile_rows * p.a_row;
    p.c += tile_rows * p.c_row;
  }
  last_rows<Vector, Vectors>(p, how);
}

/// Fewer than eight columns: both sides are copied to where eight fit.
void last_columns(product p, write how) {
  constexpr long width = lanes<floats8>;
  float b[longest_sum * width];
  for (long k = 0; k < p.inner; ++k) {
    for (long j = 0; j < width; ++j) b[k * width + j] = j < p.columns ? p.b[k * p.b_row + j] : 0.0F;
  }
  for (long first = 0; first < p.rows; first += tile_rows) {
    long const rows = smaller(tile_rows, p.rows - first);
    float c[tile_rows * width];
    panel<floats8, 1>({rows, width, p.inner, p.a + first * p.a_row, p.a_row, p.a_column, b, width, c, width},
                      write::over);
    for (long i = 0; i < rows; ++i) {
      for (long j = 0; j < p.columns; ++j) {
        float& to = p.c[(first + i) * p.c_row + j];
        to = how == write::added ? to + c[i * width + j] : c[i * width + j];
      }
    }
  }
}

void all_columns(product p, write how) {
  auto const done = [&p](long columns) {
    p.columns -= columns;
    p.b += columns;
    p.c += columns;
  };
  constexpr long widest = tile_vectors * lanes<floats16>;
  for (; p.columns >= widest; done(widest)) panel<floats16, tile_vectors>(p, how);
  if constexpr (tile_vectors > 1) {
    for (; p.columns >= 16; done(16)) panel<floats16, 1>(p, how);
  }
  for (; p.columns >= 8; done(8)) panel<floats8, 1>(p, how);
  if (p.columns > 0) last_columns(p, how);
}

// ---- functions ---------------------------------------------------------------------------------------------------

/// e^x: x = n ln 2 + r with |r| <= ln 2 / 2; e^r is a polynomial (Cephes' expf), and 2^n goes into the exponent.
inline floats16 exponential(floats16 x) {
  floats16 const from = x < -87.0F ? floats16{} - 87.0F : x > 88.0F ? floats16{} + 88.0F : x;
  constexpr float rounds = 12582912.0F;  // 1.5 * 2^23: adding it leaves no fraction
  floats16 const shifted = from * 1.44269504088896341F + rounds;
  floats16 const n = shifted - rounds;
  floats16 const r = (from - n * 0.693359375F) - n * -2.12194440e-4F;
  floats16 p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  ints16 bits;
  __builtin_memcpy(&bits, &p, sizeof bits);
  bits += __builtin_convertvector(n, ints16) << 23;
  __builtin_memcpy(&p, &bits, sizeof p);
  return x < -87.0F ? floats16{} : p;
}

inline float sum_of(floats16 v) {
  float s[16];
  store(s, v);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) s[i] += s[i + half];
  }
  return s[0];
}
inline float largest_of(floats16 v) {
  float s[16];
  store(s, v);
  for (int i = 1; i < 16; ++i) s[0] = s[i] > s[0] ? s[i] : s[0];
  return s[0];
}
inline floats16 larger(floats16 a, floats16 b) { return a > b ? a : b; }

/// A count that the compiler knows.
struct sixteen {
  constexpr operator long() const { return 16; }
};
/// Calls body(first, count) for stretches of 16 and the rest.
template <class Body>
inline void by_sixteen(long n, Body const& body) {
  long i = 0;
  for (; i + 16 <= n; i += 16) body(i, sixteen{});
  if (i < n) body(i, n - i);
}

constexpr float lowest = -3.0e38F;

float largest_of(float const* x, long n) {
  floats16 most = floats16{} + lowest;
  by_sixteen(n, [&](long i, auto count) { most = larger(most, load_some(x + i, count, lowest)); });
  return largest_of(most);
}

/// Replaces x by e^(scale (x - most)); returns the sum.
float shifted_exponentials(float* x, long n, float most, float scale = 1.0F) {
  floats16 sum{};
  by_sixteen(n, [&](long i, auto count) {
    floats16 const e = exponential(scale * (load_some(x + i, count, lowest) - most));
    store_some(x + i, e, count);
    sum += e;
  });
  return sum_of(sum);
}

/// sum over t of share[t] times the vector at row t. Four sums, each over every fourth row: no processor waits for one
/// before it begins the next.
template <class Vector>
Vector weighted(float const* share, long n, float const* rows, long row) {
  Vector sum0{}, sum1{}, sum2{}, sum3{};
  auto const term = [&](long t) { return share[t] * load<Vector>(rows + t * row); };
  long t = 0;
  for (; t + 4 <= n; t += 4) {
    sum0 += term(t);
    sum1 += term(t + 1);
    sum2 += term(t + 2);
    sum3 += term(t + 3);
  }
  if (t < n) sum0 += term(t);
  if (t + 1 < n) sum1 += term(t + 1);
  if (t + 2 < n) sum2 += term(t + 2);
  return (sum0 + sum1) + (sum2 + sum3);
}

}  // namespace

bool fused() {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return true;
#else
  return false;
#endif
}

void multiply(product const& p, write how) {
  for (long k = 0; k < p.inner; k += longest_sum) {
    product part = p;
    part.inner = smaller(longest_sum, p.inner - k);
    part.a += k * p.a_column;
    part.b += k * p.b_row;
    all_columns(part, k > 0 ? write::added : how);
  }
}

void softmax(float* x, long n, float scale) {
  float const total = shifted_exponentials(x, n, largest_of(x, n), scale);
  for (long i = 0; i < n; ++i) x[i] /= total;
}

void causal_softmax(float* x, long rows, long columns, long row, long first) {
  by_sixteen(columns, [&](long j, auto count) {
    ints16 const last = ints16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} + static_cast<int>(first + j);
    auto const score = [&](long k) {
      floats16 const v = load_some(x + k * row + j, count);
      return static_cast<int>(k) > last ? floats16{} + lowest : v;
    };
    long const all = smaller(rows, first + j + 1);  // so many rows hold a number in every column
    floats16 most = floats16{} + lowest;
    for (long k = 0; k < all; ++k) most = larger(most, load_some(x + k * row + j, count));
    for (long k = all; k < rows; ++k) most = larger(most, score(k));
    floats16 sum{};
    for (long k = 0; k < rows; ++k) {
      floats16 const e = exponential((k < all ? load_some(x + k * row + j, count) : score(k)) - most);
      store_some(x + k * row + j, e, count);
      sum += e;
    }
    floats16 const share = 1.0F / sum;
    for (long k = 0; k < rows; ++k) store_some(x + k * row + j, load_some(x + k * row + j, count) * share, count);
  });
}

void softmax_backward(float const* p, float* dp, long rows, long columns, long row, float scale) {
  by_sixteen(columns, [&](long j, auto count) {
    floats16 mean{};
    for (long k = 0; k < rows; ++k) mean += load_some(p + k * row + j, count) * load_some(dp + k * row + j, count);
    for (long k = 0; k < rows; ++k) {
      float* const at = dp + k * row + j;
      store_some(at, load_some(p + k * row + j, count) * (load_some(at, count) - mean) * scale, count);
    }
  });
}

void attend(cached_head const& head, float scale) {
  float* const s = head.scores;
  by_sixteen(head.n, [&](long t, auto count) {
    floats16 sum{};
    for (long d = 0; d < head.size; ++d) sum += head.query[d] * load_some(head.key + d * head.key_row + t, count);
    store_some(s + t, sum * scale, count);
  });
  float const total = shifted_exponentials(s, head.n, largest_of(s, head.n));
  for (long d = 0; d < head.size;) {
    long const left = head.size - d;
    float const* const value = head.value + d;
    if (left >= 16) {
      store(head.out + d, weighted<floats16>(s, head.n, value, head.value_row) / total);
      d += 16;
    } else if (left >= 8) {
      store(head.out + d, weighted<floats8>(s, head.n, value, head.value_row) / total);
      d += 8;
    } else {
      head.out[d++] = weighted<floats1>(s, head.n, value, head.value_row)[0] / total;
    }
  }
}

void swiglu(long n, float const* gate, float const* up, float* sigmoid, float* mixed) {
  by_sixteen(n, [&](long i, auto count) {
    floats16 const z = load_some(gate + i, count);
    floats16 const s = 1.0F / (1.0F + exponential(-z));
    store_some(sigmoid + i, s, count);
    store_some(mixed + i, z * s * load_some(up + i, count), count);
  });
}

void swiglu_backward(long n, float const* gate, float const* up, float const* sigmoid, float const* dmixed,
                     float* dgate, float* dup) {
  by_sixteen(n, [&](long i, auto count) {
    floats16 const z = load_some(gate + i, count), s = load_some(sigmoid + i, count), d = load_some(dmixed + i, count);
    store_some(dup + i, d * z * s, count);
    store_some(dgate + i, d * load_some(up + i, count) * s * (1.0F + z * (1.0F - s)), count);
  });
}

void adam(long n, adam_step const& step, float const* gradient, float* first, float* second, float* weights) {
  for (long i = 0; i < n; ++i) {
    float const g = gradient[i] * step.shrink;
    first[i] = step.beta1 * first[i] + (1.0F - step.beta1) * g;
    second[i] = step.beta2 * second[i] + (1.0F - step.beta2) * g * g;
    weights[i] -= step.rate * first[i] / (__builtin_sqrtf(second[i]) + step.epsilon);
  }
}

}  // namespace trainer::kernels
