// Pieces of HTML and SVG.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace demo {

/// Text made safe for HTML and attributes.
std::string escaped(std::string_view text);

/// A symbol with a subscript, such as <i>S</i><sub>t</sub>.
std::string symbol(std::string_view letter, std::string_view below);
/// Parameters made safe for HTML, with delta_b's subscript.
std::string parameters(std::string_view details);

/// A chart whose curves stretch with the page while its words keep their size: curves are SVG, and words are HTML
/// placed by percentage.
class plot {
 public:
  plot(double x_min, double x_max, double y_min, double y_max);

  /// Connected points.
  void line(std::vector<std::pair<double, double>> const& points, std::string_view style);
  /// A vertical stroke from y0 to y1.
  void stem(double x, double y0, double y1, std::string_view style);
  /// A dot, round or square as `style` says.
  void dot(double x, double y, std::string_view style);
  /// The area between two curves over the same x.
  void area(std::vector<std::pair<double, double>> const& low, std::vector<std::pair<double, double>> const& high,
            std::string_view style);
  /// A tick with a grid line and a label.
  void x_tick(double x, std::string const& label);
  void y_tick(double y, std::string const& label);
  /// HTML at a place in the plot; `style` says how it is aligned there.
  void note(double x, double y, std::string const& html, std::string_view style);
  /// The chart, with a title above (the unit of y), one below (the unit of x), and a description for screen readers.
  std::string html(std::string const& y_title, std::string const& x_title, std::string_view in_words) const;

 private:
  std::string& path(std::string_view style);
  double across(double x) const;
  double down(double y) const;

  double x_min_, x_max_, y_min_, y_max_;
  std::vector<std::pair<std::string, std::string>> paths_;  // style, data
  std::string grid_, labels_, notes_;
};

/// Round numbers that divide [low, high] into about `count` steps.
std::vector<double> ticks(double low, double high, int count);

}  // namespace demo
