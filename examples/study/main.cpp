// Makes one run of a study: one task under one trust region or rule, with one seed. Prints what it found.
#include "result_json.hpp"

#include "../demo/run/interrupt.hpp"
#include "../trainer/input_error.hpp"

#include <cstdio>
#include <exception>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace {

using namespace study;

std::string default_models() {
  namespace fs = std::filesystem;
  fs::path const folder = fs::is_directory("build") ? "build/study/models" : fs::temp_directory_path() / "cppo_study";
  return folder.string();
}

void add_options(CLI::App& app, settings& s) {
  CLI::Range const whole(1, 100000);
  auto const add = [&app](char const* name, auto& value, char const* help, CLI::Validator const& range) {
    app.add_option(name, value, help)->check(range)->capture_default_str();
  };
  app.add_option("--task", s.task, "stories, registers or independent")->capture_default_str();
  app.add_option("--region", s.region, "A region or rule with its numbers, as cppo_demo --help lists them")
      ->capture_default_str();
  add("--seed", s.seed, "Of sampling and of the order of responses", CLI::Range(0, 1 << 30));
  add("--steps", s.steps, "Steps, each a batch of responses and its updates; 0: the task's", CLI::Range(0, 100000));
  add("--passes", s.passes, "Passes over a batch", whole);
  add("--stale", s.stale, "Responses are sampled from the weights of so many updates ago", CLI::Range(0, 1000));
  add("--responses", s.responses, "Responses of a step; 0: the task's", CLI::Range(0, 100000));
  add("--group", s.group, "Responses to one prompt, a multiple of 8", whole);
  add("--minibatches", s.minibatches, "Updates in a pass", whole);
  add("--learning-rate", s.learning_rate, "Of Adam; 0: the task's", CLI::Range(0.0, 1.0));
  add("--lessons", s.lessons, "Supervised steps that make the first model; 0: the task's", CLI::Range(0, 100000));
  add("--every", s.every, "Steps between two evaluations; 0: the task's", CLI::Range(0, 100000));
  add("--evaluated", s.evaluated, "Responses of an evaluation", whole);
  add("--threads", s.threads, "0: as many as the machine has; no result depends on it", CLI::Range(0, 1024));
  app.add_option("--data", s.data, "Folder of the stories' model")->capture_default_str();
  app.add_option("--models", s.models, "Folder that keeps models of supervised steps")->capture_default_str();
  app.add_flag("--json", s.json, "Print one line of JSON and nothing else");
  app.add_flag("--plan", s.plan, "Print the settings and their hash, and run nothing");
}

/// True if the program is to go on; else `exit_code` is its exit status.
bool read(int argc, char** argv, settings& s, int& exit_code) {
  CLI::App app("Makes one run of a study: one task under one trust region or rule, with one seed.", "cppo_study_run");
  s.data = CPPO_STUDY_DATA;
  s.models = default_models();
  add_options(app, s);
  try {
    app.parse(argc, argv);
    return true;
  } catch (CLI::CallForHelp const&) {
    fmt::print("{}", app.help());
    exit_code = 0;
  } catch (CLI::ParseError const& e) {
    fmt::print(stderr, "cppo_study_run: {}; see --help\n", e.what());
    exit_code = 2;
  }
  return false;
}

void show_evaluation(int step, point const* p) {
  if (p == nullptr) return;
  fmt::print("step {:4}: success {:.3f}, {:.2f} nats under the first model\n", step, p->on.success, p->on.base_nll);
  std::fflush(stdout);
}

int run_once(settings s) {
  complete(s);
  chosen_region const region = region_of(s.region);
  if (s.plan) {
    fmt::print("{}\n", plan_line(s, region));
    return 0;
  }
  course const c = prepared(s);
  if (!s.json) fmt::print("{} under {}, seed {}\n", s.task, region.text, s.seed);
  std::optional<outcome> const o =
      run(c, s, region, demo::catch_interrupt(), s.json ? run_shown() : run_shown(show_evaluation));
  constexpr int interrupted = 130;  // 128 + SIGINT, as in shells
  if (!o) return interrupted;
  if (s.json) {
    fmt::print("{}\n", result_line(s, region, *o));
  } else {
    fmt::print("final {:.3f}, area {:.3f}{}; masked {:.1f} %, mean drift {:.2f}; {:.1f} s\n", o->final_success(),
               o->area(), o->collapsed() ? ", collapsed" : "", 100.0 * o->total.report.masked_fraction(),
               o->mean_drift(), o->seconds);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    settings s;
    int exit_code = 0;
    return read(argc, argv, s, exit_code) ? run_once(s) : exit_code;
  } catch (trainer::input_error const& e) {
    fmt::print(stderr, "cppo_study_run: {}\n", e.what());
    return 2;
  } catch (std::exception const& e) {
    fmt::print(stderr, "cppo_study_run: {}\n", e.what());
    return 1;
  }
}
