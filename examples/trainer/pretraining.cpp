#include "pretraining.hpp"

#include "adam.hpp"
#include "batch_pass.hpp"
#include "hash.hpp"
#include "input_error.hpp"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <system_error>

namespace trainer {

namespace {

/// The rate falls in a straight line to a tenth, so that the last steps settle.
double rate_at(pretraining const& p, int step) {
  return p.learning_rate * (1.0 - 0.9 * static_cast<double>(step) / static_cast<double>(p.steps));
}

std::string file_name(pretraining const& p) {
  model_shape const& s = p.shape;
  std::string all = "2";  // raised when the arithmetic changes
  for (double const x : {static_cast<double>(s.dim), static_cast<double>(s.hidden), static_cast<double>(s.layers),
                         static_cast<double>(s.heads), static_cast<double>(s.kv_heads),
                         static_cast<double>(s.vocabulary), static_cast<double>(s.context),
                         static_cast<double>(p.seed), static_cast<double>(p.steps), static_cast<double>(p.batch),
                         p.learning_rate}) {
    all.append(1, ' ').append(std::to_string(x));
  }
  return p.name + "-" + hash_of(all) + ".bin";
}

}  // namespace

parameters<float> pretrained(pretraining const& p, int threads, lesson_shown const& show) {
  parameters<float> weights = random_model(p.shape, p.seed);
  auto const batch = static_cast<std::size_t>(p.batch);
  batch_pass pass(p.shape, batch, threads);
  adam optimiser(p.shape);
  for (int step = 0; step < p.steps; ++step) {
    std::vector<sequence> examples;
    std::vector<sequence const*> lent;
    std::size_t tokens = 0;
    for (std::size_t i = 0; i < batch; ++i) {
      random_stream random({p.seed, static_cast<std::uint64_t>(step), i});
      examples.push_back(p.example(random));
      tokens += static_cast<std::size_t>(examples.back().response_length());
    }
    for (sequence const& s : examples) lent.push_back(&s);
    auto const read = [&examples](std::size_t i, matrix<float> const& logits) {
      return trained_policy_of(logits, examples[i].response(), 1.0);
    };
    double loss = 0.0;
    for (trained_policy const& pi : pass.forward(weights, lent, read)) {
      loss -= std::accumulate(pi.log_prob.begin(), pi.log_prob.end(), 0.0) / static_cast<double>(tokens);
    }
    std::vector<float> const slope(tokens, -1.0F / static_cast<float>(tokens));
    optimiser.set_learning_rate(rate_at(p, step));
    optimiser.step(weights, pass.backward(weights, lent, slope));
    if (show) show(step + 1, loss);
  }
  return weights;
}

parameters<float> pretrained_once(pretraining const& p, std::string const& folder, int threads) {
  namespace fs = std::filesystem;
  fs::path const file = fs::path(folder) / file_name(p);
  if (fs::exists(file)) {
    parameters<float> kept = read_model(file.string());
    if (!(kept.shape() == p.shape)) throw input_error(file.string() + ": not the model that its name says: remove it");
    return kept;
  }
  std::error_code failed;
  fs::create_directories(folder, failed);
  parameters<float> weights = pretrained(p, threads);
  write_model(file.string(), weights);
  return weights;
}

}  // namespace trainer
