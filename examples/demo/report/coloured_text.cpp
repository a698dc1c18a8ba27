#include "report/markup.hpp"
#include "report/report_parts.hpp"
#include "report/wording.hpp"

#include <array>
#include <cmath>

#include <fmt/format.h>

namespace demo {

namespace {

/// True if these bytes are complete UTF-8 characters.
bool is_complete(std::string const& piece) {
  std::size_t more = 0;
  for (char const c : piece) {
    auto const byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) == 0x80U) {
      if (more-- == 0) return false;
    } else {
      if (more != 0) return false;
      more = byte < 0x80U ? 0 : byte >= 0xF0U ? 3 : byte >= 0xE0U ? 2 : 1;
    }
  }
  return more == 0;
}

std::string text_of(rollout const& r, std::size_t i, trainer::tokenizer const& words) {
  std::string piece = !r.tokens.empty() ? r.tokens[i] : !r.ids.empty() ? words.text(r.ids[i]) : fmt::format(" {}", i);
  if (piece.empty() || piece == "\n</s>\n") return "<s class=\"nl\">end</s>";
  if (is_complete(piece)) return spelled_out(piece);
  std::string bytes;
  for (char const c : piece) bytes += fmt::format("\u00b7{:02X}", static_cast<unsigned char>(c));
  return bytes;
}

/// The numbers behind one token's decision.
std::string tooltip(followed const& one, rollout const& r, std::size_t i, std::size_t t) {
  trace const& x = one.steps;
  auto const number = [](float value) { return figure(static_cast<double>(value)); };
  if (x.at(i) == cppo::decision::excluded) return "a hole: takes no position, adds nothing";
  double const log_pi = static_cast<double>(r.log_prob.at(one.updates)[i]);
  double const log_mu = static_cast<double>(r.rollout_log_prob[i]);
  std::string text = fmt::format("token {}: {}\n\u03bc {}  \u03c0 {}  \u03c1 {}  advantage {}\nD {}  w {}  w\u00b7D {}",
                                 t, appearance_of(x.at(i)).name, figure(std::exp(log_mu)), figure(std::exp(log_pi)),
                                 figure(std::exp(log_pi - log_mu)), number(r.advantage[i]), number(x.divergence[i]),
                                 number(x.weight[i]), number(x.weighted_divergence[i]));
  if (x.threshold[i] < 900.0F) text += fmt::format("  limit {}", number(x.threshold[i]));
  if (one.what.has_budget()) text += fmt::format("\ndrift before {}", number(x.drift[i]));
  if (x.gate[i] > 0.0F && x.gate[i] < 1.0F) text += fmt::format("\ngate {}", number(x.gate[i]));
  return text;
}

std::string legend(trace const& x) {
  std::array<long, 8> counts{};
  for (std::uint8_t const d : x.decision) ++counts[d];
  std::string out = "<ul class=\"legend\">";
  for (cppo::decision const d :
       {cppo::decision::kept, cppo::decision::kept_toward, cppo::decision::masked_ratio,
        cppo::decision::masked_divergence, cppo::decision::masked_budget, cppo::decision::masked_response,
        cppo::decision::masked_other, cppo::decision::excluded}) {
    long const n = counts[static_cast<std::size_t>(d)];
    if (n == 0) continue;
    appearance const look = appearance_of(d);
    out += fmt::format("<li><span class=\"tok {}\">{}</span> <b>{}</b></li>", look.style, escaped(look.name), n);
  }
  return out + "</ul>";
}

}  // namespace

std::string spelled_out(std::string_view text) {
  std::string out;
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if (c == '\n') out += "<s class=\"nl\">\u21b5</s><br>";
    else if (byte < 0x20) out += fmt::format("<s class=\"nl\">x{:02X}</s>", byte);
    else out += escaped(std::string_view(&c, 1));
  }
  return out;
}

std::string coloured_text(followed const& one, rollout const& r, trainer::tokenizer const& words) {
  std::string out = legend(one.steps) + "<div class=\"story\">";
  std::string prompt;
  for (std::int32_t const id : r.prompt_ids) prompt += spelled_out(words.text(id));
  if (!prompt.empty()) out += fmt::format("<span class=\"prompt\" title=\"the prompt\">{}</span>", prompt);
  std::size_t t = 0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    if (one.steps.at(i) != cppo::decision::excluded) ++t;
    out += fmt::format("<span class=\"tok {}\" title=\"{}\">{}</span>", appearance_of(one.steps.at(i)).style,
                       escaped(tooltip(one, r, i, t)), text_of(r, i, words));
  }
  return out + "</div>";
}

}  // namespace demo
