// Masks recorded rollouts under the trust regions that the library names, trains a small language model under them,
// prints tables and writes a report.
#include "../trainer/story_task.hpp"
#include "input/cli.hpp"
#include "input/input_error.hpp"
#include "run/interrupt.hpp"
#include "terminal/live_line.hpp"
#include "run/output_place.hpp"
#include "report/report_html.hpp"
#include "terminal/table.hpp"
#include "terminal/terminal.hpp"
#include "terminal/training_table.hpp"

#include <cstdio>
#include <exception>
#include <filesystem>

#include <fmt/format.h>

namespace {

using namespace demo;

std::string const data_folder = CPPO_DEMO_DATA;
constexpr char const* bundled_sentence =
    "The texts are bedtime stories by a model of 260\u2009032 parameters, trained on the TinyStories corpus and "
    "rewarded "
    "for stories that end in time. Zero updates is not zero drift: \u03bc sampled with weights rounded to bfloat16.";

/// The words of the recorded stories: the dictionary for rewards.
std::set<std::string> dictionary_of(std::vector<rollout> const& rollouts, trainer::tokenizer const& words) {
  std::vector<std::string> texts;
  for (rollout const& r : rollouts) {
    std::vector<std::int32_t> all = r.prompt_ids;
    all.insert(all.end(), r.ids.begin(), r.ids.end());
    texts.push_back(words.text(all));
  }
  return trainer::words_in(texts);
}

std::optional<training> train_if_asked(command const& c, std::vector<rollout> const& rollouts,
                                       trainer::tokenizer const& words) {
  if (!c.trains()) return std::nullopt;
  bool const styled = wants_style();
  print_training_plan(c.training, styled);
  live_line line(is_terminal());
  training t = train(data_folder, dictionary_of(rollouts, words), c.training, catch_interrupt(),
                     [&line](auto const& p) { line.show(p); });
  line.clear();
  print_training(t, styled);
  return t;
}

int run(command const& c) {
  prepare_output(c.out, "the report");
  if (c.trains() && !c.training.dump.empty()) prepare_output(c.training.dump, "the file of rollouts");
  bool const bundled = c.rollouts.empty();
  std::string const file = bundled ? data_folder + "/rollouts/tinystories.jsonl" : c.rollouts;
  std::vector<rollout> rollouts = read_rollouts(file);
  std::string const lists = c.top_k.empty() && bundled ? data_folder + "/rollouts/tinystories_topk.jsonl" : c.top_k;
  if (!lists.empty()) read_top_k(lists, rollouts);
  std::string const pieces = c.vocabulary.empty() && bundled ? data_folder + "/tok512.bin" : c.vocabulary;
  trainer::tokenizer const words = pieces.empty() ? trainer::tokenizer() : trainer::tokenizer(pieces);

  study const results = answer(rollouts, c.asked);
  std::string const name = std::filesystem::path(file).filename().string();
  print_table(results, rollouts, name, wants_style());
  std::optional<training> const trained = train_if_asked(c, rollouts, words);
  write_report(c.out, results, rollouts, words, {name, bundled ? bundled_sentence : ""}, trained ? &*trained : nullptr);
  fmt::print("Report: {}\n", c.out);
  constexpr int interrupted = 130;  // 128 + SIGINT, as in shells
  return trained && trained->interrupted ? interrupted : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    command c;
    int exit_code = 0;
    if (!read_command(argc, argv, c, exit_code)) return exit_code;
    return run(c);
  } catch (input_error const& e) {
    fmt::print(stderr, "cppo_demo: {}\n", e.what());
    return 2;
  } catch (std::exception const& e) {
    fmt::print(stderr, "cppo_demo: {}\n", e.what());
    return 1;
  }
}
