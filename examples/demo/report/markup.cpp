#include "report/markup.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace demo {

std::string escaped(std::string_view text) {
  std::string safe;
  for (char const c : text) {
    switch (c) {
    case '&': safe += "&amp;"; break;
    case '<': safe += "&lt;"; break;
    case '>': safe += "&gt;"; break;
    case '"': safe += "&quot;"; break;
    case '\'': safe += "&#39;"; break;
    default: safe += c;
    }
  }
  return safe;
}

std::string symbol(std::string_view letter, std::string_view below) {
  return fmt::format("<i>{}</i><sub>{}</sub>", letter, below);
}

std::string parameters(std::string_view details) {
  std::string text = escaped(details);
  std::string const plain = "\u03b4_b";
  for (std::size_t at = text.find(plain); at != std::string::npos; at = text.find(plain, at)) {
    text.replace(at, plain.size(), symbol("\u03b4", "b"));
  }
  return text;
}

plot::plot(double x_min, double x_max, double y_min, double y_max)
    : x_min_(x_min), x_max_(x_max), y_min_(y_min), y_max_(y_max) {}

double plot::across(double x) const { return 1000.0 * (std::clamp(x, x_min_, x_max_) - x_min_) / (x_max_ - x_min_); }
double plot::down(double y) const { return 1000.0 * (y_max_ - std::clamp(y, y_min_, y_max_)) / (y_max_ - y_min_); }

std::string& plot::path(std::string_view style) {
  auto const same = [&](auto const& p) { return p.first == style; };
  auto const found = std::find_if(paths_.begin(), paths_.end(), same);
  if (found != paths_.end()) return found->second;
  return paths_.emplace_back(std::string(style), "").second;
}

void plot::line(std::vector<std::pair<double, double>> const& points, std::string_view style) {
  char command = 'M';
  for (auto const& [x, y] : points) {
    path(style) += fmt::format("{}{:.1f} {:.1f}", command, across(x), down(y));
    command = 'L';
  }
}

void plot::stem(double x, double y0, double y1, std::string_view style) {
  path(style) += fmt::format("M{:.1f} {:.1f}V{:.1f}", across(x), down(y0), down(y1));
}

void plot::dot(double x, double y, std::string_view style) {
  path(style) += fmt::format("M{:.1f} {:.1f}h.01", across(x), down(y));
}

void plot::area(std::vector<std::pair<double, double>> const& low, std::vector<std::pair<double, double>> const& high,
                std::string_view style) {
  line(low, style);
  for (auto p = high.rbegin(); p != high.rend(); ++p) {
    path(style) += fmt::format("L{:.1f} {:.1f}", across(p->first), down(p->second));
  }
  path(style) += 'Z';
}

void plot::x_tick(double x, std::string const& label) {
  double const at = across(x) / 10.0;
  labels_ += fmt::format("<span class=\"xt\" style=\"left:{:.2f}%\">{}</span>", at, label);
}

void plot::y_tick(double y, std::string const& label) {
  grid_ += fmt::format("M0 {:.1f}H1000", down(y));
  labels_ += fmt::format("<span class=\"yt\" style=\"top:{:.2f}%\">{}</span>", down(y) / 10.0, label);
}

void plot::note(double x, double y, std::string const& html, std::string_view style) {
  notes_ += fmt::format("<span class=\"note {}\" style=\"left:{:.2f}%;top:{:.2f}%\">{}</span>", style, across(x) / 10.0,
                        down(y) / 10.0, html);
}

std::string plot::html(std::string const& y_title, std::string const& x_title, std::string_view in_words) const {
  std::string out = fmt::format("<div class=\"plot\"><div class=\"ytitle\">{}</div><div class=\"area\">", y_title);
  out += fmt::format("<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
                     escaped(in_words));
  if (!grid_.empty()) out += fmt::format("<path class=\"grid\" d=\"{}\"/>", grid_);
  for (auto const& [style, data] : paths_) out += fmt::format("<path class=\"{}\" d=\"{}\"/>", style, data);
  out += fmt::format("</svg>{}{}</div><div class=\"xtitle\">{}</div></div>\n", labels_, notes_, x_title);
  return out;
}

std::vector<double> ticks(double low, double high, int count) {
  double const rough = (high - low) / count;
  double const power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10.0 * power;
  for (double const nice : {1.0, 2.0, 5.0}) {
    if (nice * power >= rough) {
      step = nice * power;
      break;
    }
  }
  std::vector<double> values;
  for (double k = std::ceil(low / step); k * step <= high + step * 1e-9; ++k)
    values.push_back(k == 0.0 ? 0.0 : k * step);
  return values;
}

}  // namespace demo
