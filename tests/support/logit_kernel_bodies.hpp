// Calls on logits by kernel bodies on a block made of loops, as a device runs them.
#pragma once

#include <cppo/logits/block_call.hpp>
#include <cppo/logits/policy_loss.hpp>
#include <cppo/testing/host_block.hpp>

#include <memory>
#include <vector>

namespace cppo_test {

// Memory of a call, of which nothing was written.
class row_workspace {
 public:
  row_workspace(cppo::detail::row_memory& m, cppo::logit_batch_view const& batch, cppo::index_t most)
      : raw_(new unsigned char[m.place(nullptr, batch, most)]) {
    m.place(raw_.get(), batch, most);
    new (m.state) cppo::detail::call_state{};
  }

 private:
  std::unique_ptr<unsigned char[]> raw_;
};

template <int Threads>
struct logit_kernel_bodies {
  using block = cppo::testing::host_block<Threads>;

  static cppo::status log_probs(cppo::logit_batch_view const& batch, cppo::log_prob_outputs const& out) {
    using cppo::detail::moment_is;
    cppo::detail::rows_to_log_probs call{batch, {}, {}};
    cppo::status const s = place_log_probs(batch, out, call.out);
    if (!s.ok()) return s;
    row_workspace const memory(call.m, batch, std::min(call.out.most, batch.logits().ids()));
    return call.out.want_moment() ? run<moment_is::summed>(call) : run<moment_is::left_out>(call);
  }
  static cppo::status logits_gradient(cppo::logit_batch_view const& batch, cppo::logit_slopes const& slopes,
                                      cppo::output const& gradient) {
    cppo::detail::rows_to_gradient c{cppo::detail::gradient_call(batch), {}};
    cppo::detail::shared_gradient shared;
    return run_with_numbers(c, c.call.take(slopes, gradient), [&](block& threads, cppo::index_t row) {
      write_gradient_row(threads, shared, c, row);
    });
  }
  static cppo::status full_divergences(cppo::logit_batch_view const& batch, cppo::slot_input const& log_sum_exp,
                                       cppo::policy_rows const& mu, cppo::full_divergence_outputs const& out) {
    using cppo::detail::divergences_are;
    cppo::detail::rows_to_divergences c{cppo::detail::divergence_call(batch), {}};
    auto const shared = std::make_unique<cppo::detail::shared_divergence>();
    return run_with_numbers(c, c.call.take(log_sum_exp, mu, out), [&](block& threads, cppo::index_t row) {
      if (c.call.wants_kl()) write_divergences_row<divergences_are::both>(threads, *shared, c, row);
      else write_divergences_row<divergences_are::tv>(threads, *shared, c, row);
    });
  }
  // policy_loss_from_logits, whose first step runs on these bodies and the second on seq, in memory that is given.
  template <class Real, class Region>
  static cppo::status policy_loss_from_logits(cppo::logit_rollout_view<Real> const& batch, Region const& region,
                                              cppo::logit_loss_outputs const& out, cppo::loss_options const& options) {
    using namespace cppo::detail;
    entropy_use const use = entropy_use_of(batch, region, out, 0.0);
    std::vector<double> memory(slot_numbers<Real>().place(nullptr, batch, use) / sizeof(double) + 1);
    loss_of_logits<Real> call(batch, out, use, memory.data());
    cppo::status s = call.check(cppo::seq, region, options);
    if (!s.ok()) return s;
    slot_numbers<Real> const& n = call.decided().numbers();
    cppo::log_prob_outputs to{.log_prob = n.log_prob, .log_sum_exp = n.log_sum_exp};
    if (!n.listed.empty()) to.listed_log_prob = n.listed;
    if (use.any()) to.entropy = n.entropy;
    call_state state;
    state.refused = log_probs(batch.logits(), to);
    if (state.refused.ok()) {
      s = call.decided().decide_alone(cppo::seq, region, options);
      // A text of the host, which a device does not know and `fetch` finds again.
      if (s.where == cppo::argument::log_prob) s.name = "log_prob of the logits";
      if (s.nothing_written()) state.refused = s;
    }
    write_rows(call, n, state);
    return state.refused.ok() ? s : state.refused;
  }

 private:
  template <class Real>
  static void write_rows(cppo::detail::loss_of_logits<Real> const& call, cppo::detail::slot_numbers<Real> const& n,
                         cppo::detail::call_state& state) {
    using namespace cppo::detail;
    slot_outputs const& to = call.decided().slots();
    rows_to_slots<Real> const slots{call.gradient().batch(), &state, to.log_prob(), to.entropy(), n.log_prob.data(),
                                    n.entropy.data()};
    rows_to_gradient gradient{call.gradient(), {}};
    gradient.m.state = &state;
    block threads;
    shared_gradient shared;
    for (cppo::index_t row = 0; row < slots.batch.shape().elements(); ++row) {
      write_slot(slots, row);
      if (call.writes_gradient()) write_gradient_row(threads, shared, gradient, row);
    }
  }
  template <class Call, class F>
  static cppo::status run_with_numbers(cppo::detail::rows_with_numbers<Call>& c, cppo::status const& taken,
                                       F const& write_row) {
    if (!taken.ok()) return taken;
    cppo::logit_batch_view const& batch = c.call.batch();
    row_workspace const memory(c.m, batch, 0);
    block threads;
    cppo::index_t const rows = batch.shape().elements();
    for (cppo::index_t row = 0; row < rows; ++row) check_numbers_of(c, row);
    conclude_numbers(threads, c);
    for (cppo::index_t row = 0; row < rows; ++row) write_row(threads, row);
    return c.m.state->outcome;
  }
  template <cppo::detail::moment_is Moment>
  static cppo::status run(cppo::detail::rows_to_log_probs const& call) {
    using body = cppo::detail::block_log_probs<block, Moment>;
    block threads;
    auto const shared = std::make_unique<typename body::storage>();
    body steps(threads, call);
    cppo::index_t const rows = call.batch.shape().elements();
    for (cppo::index_t row = 0; row < rows; ++row) steps.find(*shared, row);
    steps.conclude();
    for (cppo::index_t k = 0; k < rows * call.numbers(); ++k)
      write_number(call, k / call.numbers(), k % call.numbers());
    return call.m.state->outcome;
  }
};

}  // namespace cppo_test
