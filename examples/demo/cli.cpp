#include "cli.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace demo {

namespace {

template <class Names>
std::string listed(Names const& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Accepts the names that the library knows; says which those are.
template <class Names>
CLI::Validator known(Names const& names, std::string const& kind) {
  return {[&names, kind](std::string& given) {
            bool const found = std::find(std::begin(names), std::end(names), given) != std::end(names);
            return found ? std::string()
                         : fmt::format("no {} is named \"{}\"; there are {}", kind, given, listed(names));
          },
          ""};
}

std::string default_report() {
  return std::filesystem::is_directory("build") ? "build/demo/report.html" : "cppo_report.html";
}

}  // namespace

bool read_command(int argc, char** argv, command& c, int& exit_code) {
  CLI::App app("Masks recorded rollouts of a language model under several trust regions and shows what each decides.\n"
               "Prints a table and writes an HTML report.",
               "cppo_demo");
  app.footer(std::string("\n") + rollout_fields);
  app.add_option("--rollouts", c.rollouts, "Your own rollouts, JSON Lines (fields below); the bundled ones without it")
      ->type_name("FILE");
  app.add_option("--top-k", c.top_k, "Top-K lists for them, for --divergence top_k_tv and its kin")->type_name("FILE");
  app.add_option("--vocabulary", c.vocabulary, "Text of token ids, in the format of tok512.bin")->type_name("FILE");
  app.add_option("--policy", c.asked.policies, "A policy, repeatable: " + listed(cppo::policy_names()))
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->check(known(cppo::policy_names(), "policy"));
  app.add_option("--divergence", c.asked.divergence, "The divergence: " + listed(cppo::divergence_names()))
      ->type_name("NAME")
      ->check(known(cppo::divergence_names(), "divergence"));
  app.add_option("--staleness", c.asked.staleness, "Number of updates between sampling and use, repeatable")
      ->type_name("N")
      ->allow_extra_args(false);
  app.add_option("--response", c.asked.response, "Line of the response to follow token by token")->type_name("N");
  app.add_option("--out", c.out, "Where the report goes")->type_name("FILE")->default_str(default_report());
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
  return true;
}

}  // namespace demo
