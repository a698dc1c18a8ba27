// Masks recorded rollouts under the trust regions that the library names, prints a table and writes a report.
#include "cli.hpp"
#include "input_error.hpp"
#include "report_html.hpp"
#include "table.hpp"

#include <cstdio>
#include <exception>
#include <filesystem>

#include <fmt/format.h>

namespace {

std::string const data_folder = CPPO_DEMO_DATA;

void run(demo::command const& c) {
  using namespace demo;
  bool const bundled = c.rollouts.empty();
  std::string const file = bundled ? data_folder + "/rollouts/tinystories.jsonl" : c.rollouts;
  std::vector<rollout> rollouts = read_rollouts(file);
  std::string const lists = c.top_k.empty() && bundled ? data_folder + "/rollouts/tinystories_topk.jsonl" : c.top_k;
  if (!lists.empty()) read_top_k(lists, rollouts);
  std::string const pieces = c.vocabulary.empty() && bundled ? data_folder + "/tok512.bin" : c.vocabulary;
  vocabulary const words = pieces.empty() ? vocabulary() : vocabulary(pieces);

  study const results = answer(rollouts, c.asked);
  std::string const name = std::filesystem::path(file).filename().string();
  print_table(results, rollouts, name, wants_style());
  std::string const sentence = bundled ? "The texts are bedtime stories by a model of 260\u2009032 parameters, trained "
                                         "on the TinyStories corpus and "
                                         "rewarded for stories that end in time. Zero updates is not zero drift: "
                                         "\u03bc sampled with weights rounded "
                                         "to bfloat16."
                                       : "";
  write_report(c.out, results, rollouts, words, {name, sentence});
  fmt::print("Report: {}\n", c.out);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    demo::command c;
    int exit_code = 0;
    if (!demo::read_command(argc, argv, c, exit_code)) return exit_code;
    run(c);
    return 0;
  } catch (demo::input_error const& e) {
    fmt::print(stderr, "cppo_demo: {}\n", e.what());
    return 2;
  } catch (std::exception const& e) {
    fmt::print(stderr, "cppo_demo: {}\n", e.what());
    return 1;
  }
}
