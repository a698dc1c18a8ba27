// Every statement of the bound on every pair of policies of five grids, and on random ones.
#include "support/catch_compat.hpp"
#include "theory/statements.hpp"

#include <cppo/testing/random.hpp>

#include <iostream>
#include <memory>

namespace {

using namespace cppo_test;

void print(char const* name, ledger const& l) {
  std::cout << name << ": " << l.pairs << " pairs, " << l.discontinuous
            << " of them with pi outside the support of mu (" << l.discontinuous_broken
            << " above Eq. 14 on rollouts alone), " << l.above_prefix << " of " << l.slack_pairs
            << " pairs and schedules above Eq. 6 within Eq. 8, by up to " << l.most_above << ", " << l.rising_broken
            << " above App. B.9 where its ratio rises\n";
  for (std::size_t i = 0; i < l.of.size(); ++i) {
    tally const& t = l.of[i];
    std::cout << "  " << statements[i] << ": " << t.pairs << " checked, " << t.broken << " broken, " << t.attained
              << " attained, closest " << t.closest << '\n';
  }
}

template <std::size_t V>
void random_row(cppo::testing::random_source& random, std::array<int, V>& row, int K, int least) {
  row.fill(least);
  for (int left = K - least * static_cast<int>(V); left > 0; --left) {
    ++row[static_cast<std::size_t>(random.below(static_cast<cppo::index_t>(V)))];
    if (random.chance(0.3)) {  // uneven
      row[0] += left - 1;
      break;
    }
  }
}

template <int V, int T>
ledger walk(char const* name, std::vector<std::array<int, V>> const& choices, int K) {
  ledger l;
  each_pair<V, T>(choices, [&l, K](auto const& pi, auto const& mu) { examine<V, T>(l, pi, mu, K); });
  print(name, l);
  return l;
}

// Rows of counts adding up to K; pi is mu with some counts moved, few or many, sometimes out of the support of mu.
template <int V, int T>
ledger random_walk(char const* name, int pairs, int K, std::uint64_t seed) {
  ledger l;
  cppo::testing::random_source random(seed);
  for (int k = 0; k < pairs; ++k) {
    auto const mu = std::make_unique<count_table<V, T>>(), pi = std::make_unique<count_table<V, T>>();
    bool const supported = random.chance(0.9);
    int const most = 1 + static_cast<int>(random.below(K / 2));
    for (std::size_t r = 0; r < mu->row.size(); ++r) {
      random_row(random, mu->row[r], K, supported ? 1 : 0);
      pi->row[r] = mu->row[r];
      for (auto moves = random.below(most); moves > 0; --moves) {
        auto const from = static_cast<std::size_t>(random.below(V)), to = static_cast<std::size_t>(random.below(V));
        if (pi->row[r][from] <= (supported ? 1 : 0)) continue;
        --pi->row[r][from];
        ++pi->row[r][to];
      }
    }
    examine<V, T>(l, *pi, *mu, K);
  }
  print(name, l);
  return l;
}

// What was found where a statement's conditions do not hold: kept, so that a change of any of it is seen.
struct found {
  std::int64_t discontinuous, above_on_rollouts, above_prefix, rising;
};

void require_all(ledger const& l) {
  CHECK(l.identities == l.pairs);  // Lemma 2, in whole numbers
  for (std::size_t i = 0; i < l.of.size(); ++i) {
    tally const& t = l.of[i];
    INFO(statements[i]);
    CHECK(t.pairs > 0);
    CHECK(t.broken == 0);
  }
}
void require_all(ledger const& l, found const& f) {
  require_all(l);
  CHECK(l.discontinuous == f.discontinuous);
  CHECK(l.discontinuous_broken == f.above_on_rollouts);
  CHECK(l.above_prefix == f.above_prefix);
  CHECK(l.rising_broken == f.rising);
}

std::vector<std::array<int, 2>> bernoulli(std::vector<int> const& levels, int K) {
  std::vector<std::array<int, 2>> all;
  for (int const k : levels) all.push_back({k, K - k});
  return all;
}

}  // namespace

TEST_CASE("bound: two symbols and two tokens, every pair of probabilities in twelfths") {
  std::vector<int> levels;
  for (int k = 0; k <= 12; ++k) levels.push_back(k);
  ledger const l = walk<2, 2>("V = 2, T = 2, twelfths", bernoulli(levels, 12), 12);
  CHECK(l.pairs == 4826809);  // 13^6
  require_all(l, {1771224, 309504, 3896128, 0});
}

TEST_CASE("bound: two symbols and three tokens, probabilities 0, 1/2 and 1") {
  ledger const l = walk<2, 3>("V = 2, T = 3, 0 1/2 1", bernoulli({0, 1, 2}, 2), 2);
  CHECK(l.pairs == 4782969);  // 3^14
  require_all(l, {4460724, 668920, 771760, 116992});
}

TEST_CASE("bound: two symbols and three tokens, probabilities 1/4, 1/2 and 3/4") {
  ledger const l = walk<2, 3>("V = 2, T = 3, quarters", bernoulli({1, 2, 3}, 4), 4);
  CHECK(l.pairs == 4782969);
  require_all(l, {0, 0, 591696, 8640});
}

TEST_CASE("bound: two symbols and three tokens, probabilities 1/10, 8/10 and 9/10") {
  ledger const l = walk<2, 3>("V = 2, T = 3, tenths", bernoulli({1, 8, 9}, 10), 10);
  CHECK(l.pairs == 4782969);
  require_all(l, {0, 0, 741565, 105568});
}

TEST_CASE("bound: three symbols and two tokens, every pair of probabilities in halves") {
  std::vector<std::array<int, 3>> const halves{{2, 0, 0}, {0, 2, 0}, {0, 0, 2}, {1, 1, 0}, {1, 0, 1}, {0, 1, 1}};
  ledger const l = walk<3, 2>("V = 3, T = 2, halves", halves, 2);
  CHECK(l.pairs == 1679616);  // 6^8
  require_all(l, {1586304, 285120, 1433376, 0});
}

TEST_CASE("bound: random pairs of up to four symbols and six tokens") {
  require_all(random_walk<2, 4>("V = 2, T = 4", 40000, 16, 1));
  require_all(random_walk<3, 3>("V = 3, T = 3", 40000, 12, 2));
  require_all(random_walk<2, 6>("V = 2, T = 6", 10000, 20, 3));
  require_all(random_walk<3, 5>("V = 3, T = 5", 2000, 12, 4));
  require_all(random_walk<4, 6>("V = 4, T = 6", 300, 16, 5));
}
