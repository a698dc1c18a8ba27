#include "terminal/live_line.hpp"

#include <cstdio>

#include <fmt/format.h>

namespace demo {

namespace {

std::string duration(double seconds) {
  auto const whole = static_cast<long>(seconds + 0.5);
  return whole >= 60 ? fmt::format("{} min {:02} s", whole / 60, whole % 60) : fmt::format("{} s", whole);
}

}  // namespace

void live_line::show(training_progress const& p) {
  bool const run_ends = p.step == p.steps;
  if (!terminal_ && !run_ends) return;
  double const left = p.seconds / p.done * (p.all - p.done);
  std::string const text =
      fmt::format("{}, seed {}, step {} of {}: success {:.2f}, mean D {:.4f}, masked {:.1f} %; {} left", p.what.label,
                  p.seed, p.step, p.steps, p.last.success, p.last.report.mean_divergence(),
                  100.0 * p.last.report.masked_fraction(), duration(left));
  if (terminal_) fmt::print("\r\033[2K{}", text);
  else fmt::print("{}\n", text);
  std::fflush(stdout);
  shown_ = terminal_;
}

void live_line::clear() {
  if (shown_) fmt::print("\r\033[2K");
  std::fflush(stdout);
  shown_ = false;
}

}  // namespace demo
