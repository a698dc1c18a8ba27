#include "run/training.hpp"

#include "../trainer/sampler.hpp"
#include "../trainer/story_task.hpp"
#include "input/dumped_rollouts.hpp"
#include "input/input_error.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

namespace demo {

namespace {

/// The seed for the stories before and after training. Training does not use it.
constexpr std::uint64_t story_seed = 20260610;

/// Precomputed is the total variation over the whole vocabulary, which the trainer computes.
shown_divergence as_trained(shown_divergence const& measure) {
  return measure.source == evidence::given ? full_tv : measure;
}

std::vector<setting> settings_to_train(training_request const& asked) {
  std::vector<setting> chosen =
      chosen_settings(as_trained(asked_divergence(asked.divergence, asked.regions)), asked.regions);
  for (setting& s : chosen) s.measure = as_trained(s.measure);
  if (asked.regions.empty()) std::erase_if(chosen, [](setting const& s) { return !s.trained; });
  if (chosen.empty()) throw input_error("no region is left to train");
  return chosen;
}

trainer::learning_options options_for(training_request const& asked) {
  trainer::learning_options o;
  o.adam.learning_rate = asked.learning_rate;
  o.epochs = asked.epochs;
  o.threads = asked.threads;
  if (asked.quick) {
    o.responses = 32;
    o.group = 8;
  }
  return o;
}

/// The story that the model tells after the first prompt, always with the same random numbers.
std::string story_of(trainer::parameters<float> const& weights, trainer::task const& task,
                     trainer::tokenizer const& words) {
  std::vector<trainer::random_stream> stream{trainer::random_stream({story_seed})};
  auto const told = trainer::sampler(weights).run(task.prompts.front(), stream, {task.tokens, task.end_token});
  std::vector<std::int32_t> all = task.prompts.front();
  all.insert(all.end(), told[0].ids.begin(), told[0].ids.end());
  return words.text(all);
}

}  // namespace

training train(std::string const& data, std::set<std::string> const& dictionary, training_request const& asked,
               std::atomic<bool> const& stop,
               std::function<void(training_progress const&)> const& show) {
  using clock = std::chrono::steady_clock;
  auto const start = clock::now();
  auto const elapsed = [&] { return std::chrono::duration<double>(clock::now() - start).count(); };
  training t;
  t.asked = asked;
  t.measure = as_trained(asked_divergence(asked.divergence, asked.regions));
  t.settings = settings_to_train(asked);
  t.options = options_for(asked);
  t.threads = asked.threads > 0 ? asked.threads : static_cast<int>(std::thread::hardware_concurrency());
  trainer::parameters<float> const base = trainer::read_model(data + "/stories260K.bin");
  trainer::tokenizer const words(data + "/tok512.bin");
  trainer::task const task = trainer::story_task(words, asked.quick ? 64 : 112, dictionary);
  t.tokens = task.tokens;
  t.dictionary = dictionary;
  t.prompt = words.text(task.prompts.front());
  t.story_before = story_of(base, task, words);
  rollout_dump dump(asked.dump);
  int const all = asked.seeds * static_cast<int>(t.settings.size()) * asked.steps;
  int done = 0;
  for (int seed = 1; seed <= asked.seeds && !stop; ++seed) {
    for (std::size_t which = 0; which < t.settings.size() && !stop; ++which) {
      setting const& what = t.settings[which];
      trainer::learning_options options = t.options;
      options.region = what.region;
      options.source = what.measure.source;
      options.seed = static_cast<std::uint64_t>(seed);
      trainer::learner learner(base, task, options);
      training_run run{which, options.seed, {}, "", {}};
      for (int step = 1; step <= asked.steps; ++step) {
        trainer::step_record record;
        if (!learner.step(stop, record)) break;
        run.steps.push_back(record);
        show({what, options.seed, step, asked.steps, ++done, all, elapsed(), record});
      }
      if (run.steps.empty()) break;
      run.story = story_of(learner.weights(), task, words);
      std::vector<trainer::trained_policy> const now = learner.policy_now();
      run.seen = seen_divergences(learner.experiences(), now);
      dump.add(what, options, static_cast<int>(run.steps.size()), learner.experiences(), now);
      t.runs.push_back(std::move(run));
    }
  }
  t.interrupted = stop;
  t.seconds = elapsed();
  return t;
}

}  // namespace demo
