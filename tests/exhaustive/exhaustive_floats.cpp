// Functions of one float over every float there is: the same bits on scalars and SIMD lanes, the accuracy that is
// promised, monotone where that is promised. Without arguments a sample by exponent; --all takes all 2^32.
#include "float_subjects.hpp"

#include <chrono>
#include <cstdio>
#include <cstring>

namespace {

using namespace exhaustive;

bool holds(subject const& s, tally const& t) {
  return t.inputs > 0 && t.differences == 0 && t.worst <= s.allowed && !(s.monotone && t.steps_back > 0);
}

// A row of the table; false where a promise is broken.
bool show(subject const& s, tally const& t, double seconds) {
  std::string const unit = s.unit.empty() ? "" : " " + s.unit;
  char error[64], allowed[64], differences[32] = "-", back[32] = "-";
  std::snprintf(error, sizeof error, "%.4g", t.worst);
  std::snprintf(allowed, sizeof allowed, "%.4g%s", s.allowed, unit.c_str());
  if (s.lanes) std::snprintf(differences, sizeof differences, "%llu", static_cast<unsigned long long>(t.differences));
  if (s.monotone) std::snprintf(back, sizeof back, "%llu", static_cast<unsigned long long>(t.steps_back));
  std::printf("%-36s %11llu %11llu %10s at %-14.9g %-18s %11s %11s %16llx %7.1f%s\n", s.name.c_str(),
              static_cast<unsigned long long>(t.walked), static_cast<unsigned long long>(t.inputs), error,
              static_cast<double>(t.worst_at), allowed, differences, back, static_cast<unsigned long long>(t.digest),
              seconds, holds(s, t) ? "" : "  BROKEN");
  std::fflush(stdout);
  return holds(s, t);
}

int run(bool all, char const* only) {
  unsigned const threads = std::max(1U, std::thread::hardware_concurrency());
  std::printf("%s floats, %u threads, %d SIMD lanes\n", all ? "all 2^32" : "a sample of", threads, simd_lane::size);
  std::printf("%-36s %11s %11s %10s    %-14s %-18s %11s %11s %16s %7s\n", "function", "floats", "compared", "worst", "",
              "allowed", "differences", "steps back", "digest", "seconds");
  int broken = 0;
  for (subject const& s : subjects()) {
    if (only != nullptr && s.name.find(only) == std::string::npos) continue;
    auto const start = std::chrono::steady_clock::now();
    tally const t = walk(all, s).run(threads);
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - start;
    broken += show(s, t, took.count()) ? 0 : 1;
  }
  std::printf(broken == 0 ? "every promise held\n" : "%d broken\n", broken);
  return broken == 0 ? 0 : 1;
}

}  // namespace

// exhaustive_floats [--all] [--only WORDS]
int main(int argc, char** argv) {
  bool all = false;
  char const* only = nullptr;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--all") == 0) all = true;
    else if (std::strcmp(argv[i], "--only") == 0 && i + 1 < argc) only = argv[++i];
    else return std::fprintf(stderr, "usage: exhaustive_floats [--all] [--only WORDS OF A NAME]\n"), 2;
  }
  return run(all, only);
}
