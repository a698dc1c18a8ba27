#include "course.hpp"

#include "../trainer/input_error.hpp"
#include "../trainer/pretraining.hpp"
#include "../trainer/register_task.hpp"

#include <fstream>

#include <fmt/format.h>
#include <simdjson.h>

namespace study {

namespace {

constexpr int story_tokens = 112;

/// A task by name. Its numbers are chosen so that PPO ends between failure and saturation.
struct kind {
  std::string_view name;
  int steps, every, responses;
  double learning_rate;
  int lessons;
};
constexpr kind kinds[] = {
    {"stories", 24, 4, 64, 5e-4, 0},
    {"registers", 32, 4, 64, 5e-4, 400},
    {"independent", 20, 4, 64, 1e-4, 400},
};

kind const& kind_of(std::string const& name) {
  for (kind const& k : kinds) {
    if (k.name == name) return k;
  }
  throw trainer::input_error(fmt::format("no task is named \"{}\"; there are stories, registers, independent", name));
}

void set_if_unset(auto& number, auto own) {
  if (number == 0) number = own;
}

trainer::token_ids ids_of(simdjson::dom::element const& line, std::string_view key, std::string const& file) {
  simdjson::dom::array array;
  if (line[key].get(array) != simdjson::SUCCESS) throw trainer::input_error(fmt::format("{}: lacks {}", file, key));
  trainer::token_ids ids;
  for (simdjson::dom::element const e : array) ids.push_back(static_cast<std::int32_t>(std::int64_t(e)));
  return ids;
}

/// The words of the recorded stories, among which a story's words must be.
std::set<std::string> dictionary(std::string const& file, trainer::tokenizer const& words) {
  simdjson::dom::parser parser;
  simdjson::dom::document_stream lines;
  simdjson::padded_string text;
  if (simdjson::padded_string::load(file).get(text) != simdjson::SUCCESS ||
      parser.parse_many(text).get(lines) != simdjson::SUCCESS) {
    throw trainer::input_error(file + ": the file cannot be read");
  }
  std::vector<std::string> texts;
  for (auto line : lines) {
    simdjson::dom::element all;
    if (line.get(all) != simdjson::SUCCESS) throw trainer::input_error(file + ": not JSON Lines");
    trainer::token_ids ids = ids_of(all, "prompt_ids", file);
    for (std::int32_t const id : ids_of(all, "response_ids", file)) ids.push_back(id);
    texts.push_back(words.text(ids));
  }
  return trainer::words_in(texts);
}

course stories(settings const& s) {
  auto words = std::make_unique<trainer::tokenizer>(s.data + "/tok512.bin");
  trainer::task task =
      trainer::story_task(*words, story_tokens, dictionary(s.data + "/rollouts/tinystories.jsonl", *words));
  return {std::move(task), trainer::read_model(s.data + "/stories260K.bin"), std::move(words)};
}

course taught(settings const& s, trainer::task task, trainer::pretraining lessons) {
  lessons.steps = s.lessons;
  return {std::move(task), trainer::pretrained_once(lessons, s.models, s.threads), nullptr};
}

}  // namespace

void complete(settings& s) {
  kind const& k = kind_of(s.task);
  set_if_unset(s.steps, k.steps);
  set_if_unset(s.every, k.every);
  set_if_unset(s.responses, k.responses);
  set_if_unset(s.learning_rate, k.learning_rate);
  if (k.lessons == 0 && s.lessons > 0) throw trainer::input_error("--lessons: stories begin with a trained model");
  set_if_unset(s.lessons, k.lessons);
  if (s.group % 8 != 0 || s.responses % s.group != 0 || s.responses % s.minibatches != 0) {
    throw trainer::input_error("--group must be a multiple of 8, and --responses one of --group and --minibatches");
  }
}

course prepared(settings const& s) {
  if (s.task == "registers") return taught(s, trainer::register_task(), trainer::register_pretraining());
  if (s.task == "independent") return taught(s, trainer::independent_task(), trainer::independent_pretraining());
  return stories(s);
}

}  // namespace study
