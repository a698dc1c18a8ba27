// The kernels on few tokens, so that each barrier of theirs runs and something depends on it: ptx/deletions.py leaves
// them out one after the other. Compares with seq, as equality does; a case takes a second or so.
//
//     barriers [CASE...]      without: all; --list: their names
#include "equality.hpp"

#include <algorithm>
#include <cstdio>

namespace {

using namespace cppo_test;
using batch_of_floats = generated_batch<float>;

// The fraction of a hash.
double draw(std::size_t i, std::uint64_t salt) {
  std::uint64_t x = (i + 1) * 0x9e3779b97f4a7c15U + salt * 0xbf58476d1ce4e5b9U;
  x = (x ^ x >> 31) * 0x94d049bb133111ebU;
  return static_cast<double>((x ^ x >> 29) >> 11) * 0x1p-53;
}

// What a batch is made of. `holes`: every third response has some; without, no mask is lent. `lead`: slots before the
// first response of a packed batch, and behind the last.
struct shape {
  std::vector<index_t> lengths;
  bool packed = true, holes = true;
  index_t lead = 0;
};
batch_of_floats batch_of(shape const& s, std::uint64_t salt) {
  batch_of_floats batch;
  batch.packed = s.packed;
  batch.responses = static_cast<index_t>(s.lengths.size());
  batch.width = *std::max_element(s.lengths.begin(), s.lengths.end());
  batch.offsets.assign(1, s.lead);
  batch.valid.assign(static_cast<std::size_t>(s.lead), 0);
  for (index_t const n : s.lengths) {
    index_t const b = static_cast<index_t>(batch.offsets.size()) - 1;
    index_t const end = batch.offsets.back() + (s.packed ? n : batch.width);
    for (index_t i = 0; i < n; ++i) {
      bool const hole = s.holes && b % 3 == 1 && draw(batch.valid.size(), salt + 5) < 0.3;
      batch.valid.push_back(hole ? 0 : 1);
    }
    batch.valid.resize(static_cast<std::size_t>(end), 0);
    batch.offsets.push_back(end);
  }
  batch.valid.resize(batch.valid.size() + static_cast<std::size_t>(s.lead), 0);
  for (std::size_t i = 0; i < batch.valid.size(); ++i) {
    double const mu = -2.0 * draw(i, salt), drift = 0.6 * draw(i, salt + 1) - 0.3;
    batch.rollout_log_prob.push_back(static_cast<float>(mu));
    batch.log_prob.push_back(static_cast<float>(std::min(0.0, mu + drift)));
    batch.advantage.push_back(static_cast<float>(2.0 * draw(i, salt + 2) - 1.0));
  }
  batch.lends_mask = s.holes;
  batch.seal();
  return batch;
}

// What a call asks for: a report and what a trainer asks for; without report; everything; the same of a batch of which
// the divisor must be known first; and of a batch with bad input.
enum class wish : std::uint8_t { report, bare, trace, mean, bad };
constexpr char const* wish_names[] = {"report", "bare", "trace", "mean", "bad"};

template <class Region>
std::string compare(batch_of_floats batch, Region const& region, wish what) {
  cppo::loss_options o;
  if (what == wish::mean) o.aggregate = cppo::token_mean;
  if (what == wish::bad) o.bad_input = cppo::on_bad_input::exclude;
  for (index_t b = 0; what == wish::bad && b < batch.responses; b += 2) {  // near the end, too
    auto const last = static_cast<std::size_t>(batch.first(b) + batch.slots_of(b));
    index_t const n = batch.slots_of(b);
    if (n > 1) batch.log_prob[last - (b % 4 == 0 ? static_cast<std::size_t>(n) : 1)] = poison<float>(0);
  }
  auto const rows = batch.rows_and_spare();
  if (what == wish::trace) {
    return unlike_runs(capture(on_copies{}, batch, region, o), capture(cppo::seq, batch, region, o), rows);
  }
  auto const run = [&](auto const& executor) {
    auto r = capture(executor, batch, region, o, asks_for::no_trace);
    if (what == wish::bare) return r;
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(batch.slots()));
    cppo::loss_outputs const out{.gradient = r[captured::gradient], .mask = mask, .report = &r.report};
    r.outcome = policy_loss(executor, batch.view(), region, out, o);
    r[captured::mask].assign(mask.begin(), mask.end());
    return r;
  };
  return unlike_runs(run(on_copies{}), run(cppo::seq), rows);
}

std::vector<index_t> lengths(std::size_t n, index_t least, index_t most) {
  std::vector<index_t> v;
  double const choices = static_cast<double>(most - least + 1);
  for (std::size_t i = 0; i < n; ++i) v.push_back(least + static_cast<index_t>(draw(i, 77) * choices));
  return v;
}
// More responses than warps, blocks or clusters that run at once: each takes a second one.
std::vector<std::pair<char const*, shape>> shapes() {
  std::vector<index_t> with_empty = lengths(20, 1, 70);
  with_empty[0] = with_empty[1] = 200;  // their reports are added up in several rounds
  with_empty[3] = with_empty[11] = 0;
  return {{"warps", {with_empty}},
          {"warps, full", {with_empty, true, false}},
          {"warp rows", {lengths(18, 20, 40), false}},
          {"spare", {lengths(3, 5, 40), true, true, 6}},
          {"blocks", {{1300, 300, 520, 260, 1100, 600}}},
          {"block rows", {std::vector<index_t>(6, 300), false, false}},
          {"clusters", {{4100, 5200, 4097}}},
          {"cluster rows", {{4100, 4100}, false, false}},
          {"many", {lengths(260, 1, 2)}},
          {"many rows", {lengths(520, 1, 2), false}},
          {"very many rows", {std::vector<index_t>(8200, 1), false, false}}};  // 33 sums of 256: two rounds add them up
}

int failed = 0;
bool is_wanted(std::string const& name, std::vector<std::string> const& wanted) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
}
template <class Region>
void check(char const* name, Region const& region, std::vector<std::string> const& wanted, bool list) {
  for (auto const& [of, s] : shapes()) {
    for (wish const what : {wish::report, wish::bare, wish::trace, wish::mean, wish::bad}) {
      std::string const whole = std::string(name) + ", " + of + ", " + wish_names[static_cast<int>(what)];
      bool const long_run = s.lengths.size() > 1000 && what != wish::report;
      if (long_run || !is_wanted(whole, wanted)) continue;
      std::string const wrong = list ? "" : compare(batch_of(s, 9), region, what);
      if (!wrong.empty()) ++failed;
      std::printf(list ? "%s\n" : "%s: %s\n", whole.c_str(), wrong.empty() ? "ok" : wrong.c_str());
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> wanted(argv + 1, argv + argc);
  bool const list = wanted == std::vector<std::string>{"--list"};
  if (list) wanted.clear();
  check("fixed", cppo::fixed_cppo({.delta_b = 0.01}), wanted, list);
  check("soft, calibrated", softened(cppo::calibrated_cppo({.delta_b = 0.08}), cppo::reciprocal_gate), wanted, list);
  check("trm_max", cppo::trm_max({}), wanted, list);
  return failed == 0 ? 0 : 1;
}
