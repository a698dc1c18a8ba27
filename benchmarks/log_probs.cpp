// Times `log_probs` beside a loop that only reads the same logits, `logits_gradient` and `full_divergences` beside one
// that copies them, and xsimd's exponential in cache. Nothing else runs between them, so that all find the caches
// alike.
//
//     cppo_log_probs_x86-64-v4 [--rows 64,256] [--ids 151936] [--threads 1] [--quick]
#include "measure.hpp"
#include "problem.hpp"
#include "random_bits.hpp"

#include <cppo/execution/simd.hpp>
#include <cppo/logits.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

using cppo::index_t;

struct arguments {
  std::vector<index_t> rows{64, 256};
  index_t ids = 151936;
  int threads = 1;
  bench::effort effort{9, 201, 2.0, false};
};

arguments read(int count, char** given) {
  arguments a;
  for (int i = 1; i < count; ++i) {
    std::string const name = given[i];
    char const* const value = i + 1 < count ? given[i + 1] : "";
    if (name == "--quick") a.effort.one_round = true;
    if (name == "--ids") a.ids = std::atoll(value);
    if (name == "--threads") a.threads = std::atoi(value);
    if (name != "--rows") continue;
    a.rows.clear();
    for (char const* p = value; *p != 0; p += *p == ',') {
      char* end = nullptr;
      a.rows.push_back(std::strtoll(p, &end, 10));
      p = end;
    }
  }
  return a;
}

double volatile kept;

// The sum of all words of a buffer, of 4 bytes or of 2.
void read_all(std::uint8_t const* data, std::size_t bytes) {
  constexpr int registers = 8;
  using words = xsimd::batch<std::int32_t>;
  words sum[registers];
  for (words& s : sum) s = words(0);
  for (std::size_t i = 0; i + registers * sizeof(words) <= bytes; i += registers * sizeof(words)) {
    auto const* const at = reinterpret_cast<std::int32_t const*>(data + i);
    for (int r = 0; r < registers; ++r)
      sum[r] = sum[r] + words::load_unaligned(at + r * static_cast<int>(words::size));
  }
  std::int32_t total[words::size];
  for (int r = 1; r < registers; ++r) sum[0] = sum[0] + sum[r];
  sum[0].store_unaligned(total);
  kept = static_cast<double>(total[0]);
}

// Logits as a model has them, and 20 ids in each row.
template <class Element>
struct problem {
  index_t rows, ids;
  bench::pages<std::uint8_t> memory;
  std::vector<int> id, listed;
  std::vector<float> log_prob, log_probs, entropy;

  problem(index_t n, index_t v)
      : rows(n), ids(v), memory(bytes()), id(static_cast<std::size_t>(n)), listed(static_cast<std::size_t>(n) * 20),
        log_prob(static_cast<std::size_t>(n)), log_probs(listed.size()), entropy(log_prob.size()) {
    bench::random_bits draw{99};
    Element* const x = reinterpret_cast<Element*>(memory.data());
    for (index_t j = 0; j < n * v; ++j) x[j] = Element(static_cast<float>(3.0 * draw.normal()));
    for (int& i : id) i = static_cast<int>(draw.next() % static_cast<std::uint64_t>(v));
    for (int& i : listed) i = static_cast<int>(draw.next() % static_cast<std::uint64_t>(v));
  }
  std::size_t bytes() const { return static_cast<std::size_t>(rows * ids) * sizeof(Element); }
  auto batch() const {
    auto const x = cppo::logits(ids, reinterpret_cast<Element const*>(memory.data()));
    return cppo::logit_batch(cppo::padded(1, rows), x, cppo::token_id(id));
  }
  auto with_lists() const {
    auto all = batch();
    all.add(cppo::top_k_ids(20, listed));
    return all;
  }
};

// The median, and the least, which tells more where other programs run.
struct summary {
  double median, least;
  explicit summary(std::vector<double> x) {
    std::sort(x.begin(), x.end());
    median = x[x.size() / 2];
    least = x[0];
  }
};

void demand(cppo::status const& s) {
  if (s.ok()) return;
  std::fprintf(stderr, "%s\n", cppo::describe(s).c_str());
  std::exit(1);
}

// Times all in turn, and prints each beside the first.
void time_beside_first(char const* type, index_t rows, std::vector<bench::contender> const& all, arguments const& a) {
  bench::timing const t = bench::interleave(all, 1, a.effort);
  summary const first(t.samples[all[0].name].get<std::vector<double>>());
  for (bench::contender const& c : all) {
    summary const ns(t.samples[c.name].get<std::vector<double>>());
    std::printf("%-9s %5td rows  %-11s %.4f ns a logit (least %.4f)  %5.1f %% of %s (%.1f)\n", type,
                static_cast<std::ptrdiff_t>(rows), c.name.c_str(), ns.median, ns.least,
                100.0 * first.median / ns.median, all[0].name.c_str(), 100.0 * first.least / ns.least);
  }
  std::printf("          processor time %.2f of the time that passed\n", t.cpu_share);
}

template <class Element>
void time_rows(char const* type, index_t rows, arguments const& a) {
  problem<Element> p(rows, a.ids);
  auto const executor = cppo::simd.with_threads(a.threads, 1);
  double const units = static_cast<double>(rows * a.ids);
  std::vector<int> ids(static_cast<std::size_t>(rows) * 20);
  auto const call = [&](cppo::log_prob_outputs const& out) {
    bool const lists = out.listed_log_prob.source().rank != 0;
    auto const batch = lists ? p.with_lists() : p.batch();
    return [&executor, batch, out](int) { demand(cppo::log_probs(executor, batch, out)); };
  };
  std::vector<bench::contender> const all{
      {"read", units, [&](int) { read_all(p.memory.data(), p.bytes()); }},
      {"log_prob", units, call({.log_prob = p.log_prob})},
      {"K = 20 ids", units, call({.log_prob = p.log_prob, .listed_log_prob = p.log_probs})},
      {"entropy", units, call({.log_prob = p.log_prob, .entropy = p.entropy})},
      {"20 largest", units, call({.log_prob = p.log_prob, .largest_count = 20, .largest_id = ids})},
  };
  time_beside_first(type, rows, all, a);
}

// A copy past the caches, where the target has one.
void copy_all(std::uint8_t* to, std::uint8_t const* from, std::size_t bytes) {
  cppo::detail::stream_bytes(to, from, bytes);
  cppo::detail::end_of_stream();
}

// From slopes to the gradient of logits, in memory of its own and in place; and the divergences of two rows.
template <class Element>
void time_gradient(char const* type, index_t rows, arguments const& a) {
  problem<Element> p(rows, a.ids), other(rows, a.ids), out(rows, a.ids);
  auto const executor = cppo::simd.with_threads(a.threads, 1);
  double const units = static_cast<double>(rows * a.ids);
  std::vector<double> const slope(static_cast<std::size_t>(rows), 0.5);
  std::vector<double> total(slope.size()), other_total(slope.size()), tv(slope.size()), kl(slope.size());
  demand(cppo::log_probs(executor, p.batch(), {.log_sum_exp = total}));
  demand(cppo::log_probs(executor, other.batch(), {.log_sum_exp = other_total}));
  auto* const to = reinterpret_cast<Element*>(out.memory.data());
  cppo::logit_slopes const of{.slope = slope, .log_sum_exp = total};
  auto const gradient = [&](cppo::logit_batch_view const& batch) {
    return [&, batch](int) { demand(cppo::logits_gradient(executor, batch, of, to)); };
  };
  auto const divergence = [&](cppo::full_divergence_outputs const& to_write) {
    cppo::policy_rows const mu{.logits = other.batch().logits(), .log_sum_exp = other_total};
    return [&, mu, to_write](int) { demand(cppo::full_divergences(executor, p.batch(), total, mu, to_write)); };
  };
  time_beside_first(type, rows,
                    {{"copy", units, [&](int) { copy_all(out.memory.data(), p.memory.data(), p.bytes()); }},
                     {"gradient", units, gradient(p.batch())},
                     {"in place", units, gradient(out.batch()),
                      [&](int) { copy_all(out.memory.data(), p.memory.data(), p.bytes()); }},
                     {"full TV", units, divergence({.tv = tv})},
                     {"TV and KL", units, divergence({.tv = tv, .kl = kl})}},
                    a);
}

// xsimd's exponential in the first-level cache, a unit of what arithmetic costs here.
void time_exp(arguments const& a) {
  using floats = xsimd::batch<float>;
  std::vector<float> x(2048, -3.3F), y(2048);
  bench::contender const exp{"exp", 2048.0 * 2000.0, [&](int) {
                               for (int pass = 0; pass < 2000; ++pass) {
                                 for (std::size_t j = 0; j < x.size(); j += floats::size)
                                   xsimd::exp(floats::load_unaligned(&x[j])).store_unaligned(&y[j]);
                                 kept = static_cast<double>(y[7]);
                               }
                             }};
  bench::timing const t = bench::interleave({exp}, 1, a.effort);
  summary const ns(t.samples["exp"].get<std::vector<double>>());
  std::printf("xsimd's exp in cache: %.4f ns (least %.4f)\n", ns.median, ns.least);
}

}  // namespace

int main(int count, char** given) {
  arguments const a = read(count, given);
  time_exp(a);
  for (index_t const rows : a.rows) {
    time_rows<float>("float", rows, a);
    time_rows<cppo::bfloat16>("bfloat16", rows, a);
    time_gradient<float>("float", rows, a);
    time_gradient<cppo::bfloat16>("bfloat16", rows, a);
  }
}
