#include "driver.hpp"

#include <sstream>
#include <stdexcept>

namespace bench {

namespace {

std::vector<std::string> split(std::string const& list) {
  std::vector<std::string> parts;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

std::vector<std::int64_t> numbers(std::string const& list) {
  std::vector<std::int64_t> out;
  for (std::string const& part : split(list)) out.push_back(std::stoll(part));
  return out;
}

}  // namespace

arguments read_arguments(int argc, char** argv) {
  arguments a;
  for (int i = 1; i < argc; ++i) {
    std::string const name = argv[i];
    if (name == "--one-round") {
      a.timing.one_round = true;
      continue;
    }
    if (i + 1 == argc) throw std::runtime_error(name + " needs a value");
    std::string const value = argv[++i];
    if (name == "--library") a.libraries.push_back(value);
    else if (name == "--suites") a.suites = split(value);
    else if (name == "--sizes") a.sizes = numbers(value);
    else if (name == "--lengths") a.lengths = numbers(value);
    else if (name == "--tokens") a.tokens = std::stoll(value);
    else if (name == "--repeats") a.timing.repeats = std::stoi(value);
    else if (name == "--seconds") a.timing.seconds = std::stod(value);
    else throw std::runtime_error("unknown argument: " + name);
  }
  if (a.libraries.empty()) throw std::runtime_error("--library PATH is needed");
  return a;
}

}  // namespace bench
