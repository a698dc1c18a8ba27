#include "input/cli.hpp"

#include "input/region_text.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace demo {

namespace {

constexpr int quick_steps = 4;

template <class Names>
std::string listed(Names const& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Accepts the names of divergences; the error lists them.
std::string wrong_in_divergence(std::string const& given) {
  auto const names = divergence_options();
  if (std::find(names.begin(), names.end(), given) != names.end()) return "";
  return fmt::format("no divergence is named \"{}\"; there are {}", given, listed(names));
}

/// Accepts the text of a trust region or rule; the error shows the text, the place, and what is wrong there.
std::string wrong_in_region(std::string const& text) {
  read_text const read = read_region(text);
  if (read.error.empty()) return "";
  std::string line = text;
  for (char& c : line) c = c == '\n' || c == '\t' ? ' ' : c;
  return fmt::format("\n  {}\n  {:>{}}\n{}", line, '^', read.column, read.error);
}

std::string default_report() {
  return std::filesystem::is_directory("build") ? "build/demo/report.html" : "cppo_report.html";
}

void add_recorded_options(CLI::App& app, command& c) {
  app.add_option("--rollouts", c.rollouts,
                 "Your own rollouts: JSON Lines, NPZ or safetensors (fields below); the bundled ones without it")
      ->type_name("FILE");
  app.add_option("--top-k", c.top_k, "Top-K lists for them, for --divergence top_k_tv and its kin")->type_name("FILE");
  app.add_option("--vocabulary", c.vocabulary, "Text of token ids, in the format of tok512.bin")->type_name("FILE");
  app.add_option("--region", c.asked.regions,
                 "A region or a rule of the field, repeatable, as C++ or JSON: a name below, \"gspo(epsilon_low = "
                 "1e-3)\"; or its parts, \"trust_region(binary_kl, uniform_weight, toward_rollout | "
                 "divergence_within(0.1))\", \"objective(fixed_cppo(), score_form(clamped(ratio, 0, 5)))\"")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->check(CLI::Validator(wrong_in_region, ""));
  app.add_option("--divergence", c.asked.divergence,
                 "The divergence of the usual regions, and of those that name none: " +
                     listed(divergence_options()) + ". Training reads Top-K and full ones from the model's logits")
      ->type_name("NAME")
      ->check(CLI::Validator(wrong_in_divergence, ""));
  app.add_option("--staleness", c.asked.staleness, "Number of updates between sampling and use, repeatable")
      ->type_name("N")
      ->allow_extra_args(false);
  app.add_option("--response", c.asked.response, "Line of the response to follow token by token")->type_name("N");
  app.add_option("--out", c.out, "Where the report goes")->type_name("FILE")->default_str(default_report());
}

void add_training_options(CLI::App& app, training_request& t) {
  std::string const group = "Training";
  app.add_option("--seeds", t.seeds, "Runs of each region, with seeds 1, 2, ...")
      ->type_name("N")->check(CLI::Range(1, 1000))->capture_default_str()->group(group);
  app.add_option("--steps", t.steps, "Steps of a run, each a batch of stories and its updates; 0: nothing is trained")
      ->type_name("N")->check(CLI::Range(0, 100000))->capture_default_str()->group(group);
  app.add_option("--epochs", t.epochs, "Passes over a batch, 4 updates each")
      ->type_name("N")->check(CLI::Range(1, 100))->capture_default_str()->group(group);
  app.add_option("--learning-rate", t.learning_rate, "Of Adam")
      ->type_name("X")->check(CLI::Range(0.0, 1.0))->capture_default_str()->group(group);
  app.add_option("--threads", t.threads, "0: as many as the machine has; no result depends on it")
      ->type_name("N")->check(CLI::Range(0, 1024))->capture_default_str()->group(group);
  app.add_flag("--quick", t.quick, "A short run that shows only that it works: 4 steps of 32 responses of 64 tokens")
      ->group(group);
  app.add_option("--dump-rollouts", t.dump, "Write the responses of each run's last step, as --rollouts reads them")
      ->type_name("FILE")->group(group);
}

}  // namespace

bool read_command(int argc, char** argv, command& c, int& exit_code) {
  CLI::App app(
      "Masks recorded rollouts of a small language model under several trust regions, then trains the model under\n"
      "them. Prints tables and writes an HTML report. Ctrl-C stops training and reports what is done.",
      "cppo_demo");
  app.footer([] {
    return fmt::format("\n{}\n\nRegions and rules by name, with their parameters, and what the defaults make:\n{}",
                       rollout_fields, named_regions());
  });
  add_recorded_options(app, c);
  add_training_options(app, c.training);
  try {
    app.parse(argc, argv);
  } catch (CLI::CallForHelp const&) {
    fmt::print("{}", app.help());
    exit_code = 0;
    return false;
  } catch (CLI::ParseError const& e) {
    fmt::print(stderr, "cppo_demo: {}; see --help\n", e.what());
    exit_code = 2;
    return false;
  }
  if (c.out.empty()) c.out = default_report();
  if (c.training.quick && app.count("--steps") == 0) c.training.steps = quick_steps;
  c.asked.trained = c.trains();
  c.training.regions = c.asked.regions;
  c.training.divergence = c.asked.divergence;
  return true;
}

}  // namespace demo
