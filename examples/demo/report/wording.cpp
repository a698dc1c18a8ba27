#include "input/rollouts.hpp"
#include "report/wording.hpp"

#include <cmath>

#include <fmt/format.h>

namespace demo {

std::string percent(double share) {
  double const p = 100.0 * share;
  if (p == 0.0) return "0";
  if (p < 0.01) return "<0.01";
  if (p < 0.995) return fmt::format("{:.2f}", p);
  return p < 99.95 || p == 100.0 ? fmt::format("{:.{}f}", p, p == 100.0 ? 0 : 1) : ">99.9";
}

std::string figure(double value, int digits) {
  if (value == 0.0) return "0";
  double const size = std::fabs(value);
  std::string text =
      size < 1e-4 || size >= 1e6 ? fmt::format("{:.{}e}", value, digits - 1) : fmt::format("{:#.{}g}", value, digits);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string with_minus(std::string text) {
  if (!text.empty() && text.front() == '-') text.replace(0, 1, "\u2212");
  return text;
}

std::string grouped(long long count) {
  std::string const digits = std::to_string(count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ' ';
    text += digits[i];
  }
  return text;
}

std::string capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string after(int updates) {
  if (updates == unknown_updates) return "log_prob as given";
  return fmt::format("after {} update{}", updates, updates == 1 ? "" : "s");
}

}  // namespace demo
