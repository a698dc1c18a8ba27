// The trainer's arithmetic on floats, compiled for the processor of this machine.
//
// Each result is a sum in a fixed order, whatever the width of registers and however much is computed at once: its bits
// depend on the numbers alone, and on whether the processor has fused multiply-add (x86-64-v3 and later), without which
// each product is rounded.
#pragma once

namespace trainer::kernels {

/// True if this machine's build has fused multiply-add.
bool fused();

/// What happens with numbers that are already at the place of the result.
enum class write { over, added };

/// c(i, j) = sum over k of a(i, k) b(k, j), k ascending; or that sum added. Neighbours in a row of b and of c are
/// neighbours in memory.
struct product {
  long rows, columns, inner;
  float const* a;
  long a_row, a_column;  ///< distance of a row from the next, and of a column from the next
  float const* b;
  long b_row;
  float* c;
  long c_row;
};
void multiply(product const& p, write how);

/// Replaces n numbers by softmax(scale x); a share below e^-87 of the largest is 0.
void softmax(float* x, long n, float scale);
/// Replaces each column of x by its softmax. Column j has 1 + first + j numbers, up to `rows`; below them stands 0.
void causal_softmax(float* x, long rows, long columns, long row, long first);
/// From p, columns of softmax, and dL/dp: replaces dL/dp by `scale` times dL/d(scores).
void softmax_backward(float const* p, float* dp, long rows, long columns, long row, float scale);

/// One query on n cached tokens: out = sum over t of softmax_t(scale q k_t) v_t. Feature d of key t is
/// key[d * key_row + t], of value t value[t * value_row + d]. `scores` has room for n numbers.
struct cached_head {
  long size, n;
  float const* query;
  float const* key;
  long key_row;
  float const* value;
  long value_row;
  float* scores;
  float* out;
};
void attend(cached_head const& head, float scale);

/// sigmoid = 1 / (1 + e^-gate), mixed = gate sigmoid up.
void swiglu(long n, float const* gate, float const* up, float* sigmoid, float* mixed);
/// From dL/d(mixed): dL/d(gate) and dL/d(up).
void swiglu_backward(long n, float const* gate, float const* up, float const* sigmoid, float const* dmixed,
                     float* dgate, float* dup);

/// Constants of one step of Adam; its corrections for starting at zero are in `rate` and `epsilon`.
struct adam_step {
  float shrink, beta1, beta2, rate, epsilon;
};
void adam(long n, adam_step const& step, float const* gradient, float* first, float* second, float* weights);

}  // namespace trainer::kernels
