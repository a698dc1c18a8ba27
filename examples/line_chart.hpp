// Curves as one SVG file: axes, a grid, and a label at the end of each curve.
#pragma once

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

struct curve {
  std::string label;
  std::vector<double> x, y;
  bool dashed = false;
};

// Axes are linear, or both are logarithmic. Labels at the ends of curves are moved apart where they would overlap.
class line_chart {
 public:
  line_chart(std::string title, std::string x_label, std::string y_label, bool logarithmic)
      : title_(std::move(title)), x_label_(std::move(x_label)), y_label_(std::move(y_label)), log_(logarithmic) {}
  void add(curve c) { curves_.push_back(std::move(c)); }

  bool write(std::string const& path) {
    fit();
    std::ofstream out(path);
    out << "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 860 500' font-family='sans-serif' font-size='13'>\n"
        << "<rect width='860' height='500' fill='white'/>\n"
        << "<text x='70' y='28' font-size='16' font-weight='bold' fill='#222'>" << title_ << "</text>\n"
        << "<text x='335' y='488' text-anchor='middle' fill='#444'>" << x_label_ << "</text>\n"
        << "<text x='70' y='50' fill='#444'>" << y_label_ << "</text>\n";
    for (double const v : ticks(left_, right_)) {
      out << line(across(v), 60, across(v), 440) << "<text text-anchor='middle' fill='#444' x='" << across(v)
          << "' y='460'>" << label(v) << "</text>\n";
    }
    for (double const v : ticks(low_, high_)) {
      out << line(70, up(v), 600, up(v)) << "<text text-anchor='end' fill='#444' x='64' y='" << up(v) + 4 << "'>"
          << label(v) << "</text>\n";
    }
    draw(out);
    out << "</svg>\n";
    return out.good();
  }

 private:
  double place(double v) const { return log_ ? std::log10(v) : v; }
  double across(double v) const { return 70 + 530 * (v - left_) / (right_ - left_); }
  double up(double v) const { return 440 - 380 * (v - low_) / (high_ - low_); }
  static std::string line(double x1, double y1, double x2, double y2) {
    return "<path d='M" + std::to_string(x1) + ' ' + std::to_string(y1) + 'L' + std::to_string(x2) + ' ' +
           std::to_string(y2) + "' stroke='#ddd'/>\n";
  }
  void fit() {
    left_ = low_ = 1e300;
    right_ = high_ = -1e300;
    for (curve const& c : curves_) {
      for (double const v : c.x) left_ = std::min(left_, place(v)), right_ = std::max(right_, place(v));
      for (double const v : c.y) low_ = std::min(low_, place(v)), high_ = std::max(high_, place(v));
    }
    low_ = log_ ? std::floor(low_) : std::min(low_, 0.0);
    high_ = log_ ? std::ceil(high_) : high_ * 1.05;
  }
  std::vector<double> ticks(double from, double to) const {
    double const decade = std::pow(10.0, std::floor(std::log10((to - from) / 2.5)));
    double const step = log_ ? 1.0 : to - from > 5 ? decade : 2 * decade;
    std::vector<double> all;
    for (double v = std::ceil(from / step) * step; v <= to + 1e-9; v += step) all.push_back(v);
    return all;
  }
  std::string label(double v) const {
    if (!log_) return std::to_string(v).substr(0, v >= 10 ? 2 : 3);
    if (v >= 0 && v <= 4) return std::to_string(std::pow(10.0, v)).substr(0, static_cast<std::size_t>(v) + 1);
    return "10<tspan dy='-5' font-size='10'>" + std::to_string(static_cast<int>(v)) + "</tspan>";
  }
  void draw(std::ostream& out) const {
    char const* const colours[] = {"#1f5fa8", "#c1440e", "#3a7d34", "#7a3e9d", "#a87b00",
                                   "#0d8a8a", "#b0305c", "#555555", "#9a6f4a"};
    std::vector<std::size_t> order(curves_.size());
    for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
    std::sort(order.begin(), order.end(), [this](auto a, auto b) { return curves_[a].y.back() > curves_[b].y.back(); });
    double free = 0;
    for (std::size_t const k : order) {
      curve const& c = curves_[k];
      std::string const paint = std::string(" stroke='") + colours[k % 9] + "'";
      out << "<path fill='none' stroke-width='2'" << paint << (c.dashed ? " stroke-dasharray='6 4'" : "") << " d='";
      for (std::size_t i = 0; i < c.x.size(); ++i) {
        out << (i ? 'L' : 'M') << across(place(c.x[i])) << ' ' << up(place(c.y[i]));
      }
      double const end = up(place(c.y.back())), y = std::max(end, free);
      free = y + 17;
      out << "'/>\n<path d='M602 " << end << "L614 " << y << "'" << paint << "/><text x='618' y='" << y + 4
          << "' fill='" << colours[k % 9] << "'>" << c.label << "</text>\n";
    }
  }

  std::string title_, x_label_, y_label_;
  bool log_;
  std::vector<curve> curves_;
  double left_ = 0, right_ = 1, low_ = 0, high_ = 1;
};
