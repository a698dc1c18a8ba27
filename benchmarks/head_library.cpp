#include "head_api.hpp"
#include "random_bits.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/logits.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

using cppo::head_rows;
using cppo::index_t;
using cppo::matrix_view;
using matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using lent_matrix = Eigen::Map<matrix>;

constexpr double spread = 0.029;  // of log pi - log mu, as in problem.hpp

// The head of examples/30_linear_head.cpp on lent memory.
class eigen_head {
 public:
  explicit eigen_head(bench_head const& h)
      : hidden_(h.hidden_states, h.responses * h.width, h.hidden), weight_(h.weight, h.hidden, h.ids),
        hidden_sum_(h.hidden_gradient, h.responses * h.width, h.hidden),
        weight_sum_(h.weight_gradient, h.hidden, h.ids) {}

  void logits(head_rows rows, matrix_view<float> x) {
    lent_matrix(x.data_handle(), x.extent(0), x.extent(1)).noalias() = hidden_(rows, Eigen::all) * weight_;
  }
  void hidden_gradient(head_rows rows, matrix_view<float const> d) {
    hidden_sum_(rows, Eigen::all) = lent(d) * weight_.transpose();
  }
  void head_gradient(head_rows rows, matrix_view<float const> d) {
    weight_sum_.noalias() += hidden_(rows, Eigen::all).transpose() * lent(d);
  }

 private:
  static Eigen::Map<matrix const> lent(matrix_view<float const> d) {
    return {d.data_handle(), d.extent(0), d.extent(1)};
  }
  lent_matrix hidden_, weight_, hidden_sum_, weight_sum_;
};

enum class product { logits, hidden_gradient, head_gradient };
struct asked {
  product what;
  std::vector<index_t> rows;
};
std::vector<std::vector<asked>> recorded_calls;

// A head that remembers what it is asked for.
struct recording_head {
  eigen_head head;
  std::vector<asked>& calls;

  void note(product what, head_rows rows) { calls.push_back({what, {rows.begin(), rows.end()}}); }
  void logits(head_rows rows, matrix_view<float> x) {
    note(product::logits, rows);
    head.logits(rows, x);
  }
  void hidden_gradient(head_rows rows, matrix_view<float const> d) {
    note(product::hidden_gradient, rows);
    head.hidden_gradient(rows, d);
  }
  void head_gradient(head_rows rows, matrix_view<float const> d) {
    note(product::head_gradient, rows);
    head.head_gradient(rows, d);
  }
};

template <class Head>
cppo::status loss_of(bench_head const& h, Head&& head, cppo::head_loss_outputs const& out,
                     cppo::head_gradients gradients = cppo::head_gradients::added) {
  auto const batch = cppo::rollout_batch(
      cppo::padded(h.responses, h.width), cppo::logits_in_slabs(h.slab_rows, h.ids, h.slab), cppo::token_id(h.id),
      cppo::rollout_log_prob(h.rollout_log_prob), cppo::advantage(h.advantage), cppo::response_mask(h.response_mask));
  cppo::head_loss_options const more{
      .forward = h.once != 0 ? cppo::head_forward::once : cppo::head_forward::checked_first, .gradients = gradients};
  auto const n = static_cast<double>(h.responses * h.width);
  return cppo::policy_loss_from_head(cppo::simd, head, batch, cppo::fixed_cppo(), out, {.normalizer = n}, more);
}

}  // namespace

std::int32_t bench_fill_head(bench_head const* head, std::uint64_t seed) {
  bench_head const& h = *head;
  bench::random_bits draw{seed};
  std::int64_t const n = h.responses * h.width;
  double const of_weight = 3.0 / std::sqrt(static_cast<double>(h.hidden));  // logits with a spread of 3
  std::generate_n(h.hidden_states, n * h.hidden, [&] { return static_cast<float>(draw.normal()); });
  std::generate_n(h.weight, h.hidden * h.ids, [&] { return static_cast<float>(of_weight * draw.normal()); });
  std::generate_n(h.id, n, [&] { return static_cast<std::int64_t>(draw.next() % static_cast<std::uint64_t>(h.ids)); });
  std::generate_n(h.advantage, n, [&] { return static_cast<float>(draw.normal()); });
  std::fill_n(h.rollout_log_prob, n, -10.0f);
  std::vector<float> log_prob(static_cast<std::size_t>(n));
  auto const s = loss_of(h, eigen_head(h), {.log_prob = log_prob}, cppo::head_gradients::left_out);
  std::transform(log_prob.begin(), log_prob.end(), h.rollout_log_prob, [&](float x) {
    return std::min(0.0f, x + static_cast<float>(spread * draw.normal()));
  });
  return static_cast<std::int32_t>(s.code);
}

std::int32_t bench_head_loss(bench_head const* head) {
  cppo::report r;
  return static_cast<std::int32_t>(loss_of(*head, eigen_head(*head), {.report = &r}).code);
}

std::int64_t bench_head_record(bench_head const* head, bench_head_work* work) {
  std::vector<asked> calls;
  cppo::head_work done;
  if (!loss_of(*head, recording_head{eigen_head(*head), calls}, {.work = &done}).ok()) return -1;
  *work = {done.logits_rows, done.gradient_rows, static_cast<std::int64_t>(calls.size())};
  recorded_calls.push_back(std::move(calls));
  return static_cast<std::int64_t>(recorded_calls.size()) - 1;
}

void bench_head_products(bench_head const* head, std::int64_t recorded) {
  eigen_head products(*head);
  for (asked const& call : recorded_calls[static_cast<std::size_t>(recorded)]) {
    head_rows const rows{call.rows};
    matrix_view<float> const x(head->slab, rows.size(), head->ids, head->ids, 1);
    matrix_view<float const> const d(head->slab, rows.size(), head->ids, head->ids, 1);
    switch (call.what) {
      case product::logits: products.logits(rows, x); break;
      case product::hidden_gradient: products.hidden_gradient(rows, d); break;
      case product::head_gradient: products.head_gradient(rows, d); break;
    }
  }
}
