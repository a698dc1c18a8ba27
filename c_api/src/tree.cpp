// A region as what its text was read to: JSON, for who evaluates it without the library.
#include "name_list.hpp"
#include "region.hpp"

#include <cppo/described_rule/rule.hpp>

#include <cmath>
#include <string>

namespace {

using namespace cppo::detail;
using c_api::word;

/// Writes members and elements with the commas between them.
class json_writer {
 public:
  void open(char c) { separate(), text_ += c, first_ = true; }
  void close(char c) { text_ += c, first_ = false; }
  void key(word name) { value_text(name), text_ += ':', first_ = true; }
  void value(word x) { value_text(x); }
  void value(bool x) { separate(), text_ += x ? "true" : "false"; }
  void value(std::uint64_t x) { separate(), text_ += std::to_string(x); }
  /// Infinity, which JSON has no number for, is written as one beyond all.
  void value(double x) {
    cppo::fixed_text<31> digits;
    digits.append_exactly(x);
    separate();
    if (std::isinf(x)) text_ += x > 0.0 ? "1e999" : "-1e999";
    else text_ += word(digits);
  }
  void nothing() { separate(), text_ += "null"; }
  /// A member of an object.
  template <class T>
  void member(word name, T x) { key(name), value(x); }
  std::string const& text() const noexcept { return text_; }

 private:
  void separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  void value_text(word x) { separate(), text_ += '"', text_ += x, text_ += '"'; }

  std::string text_;
  bool first_ = true;
};

/// Writes the tree of a rule.
class tree_writer {
 public:
  explicit tree_writer(cppo::described_rule const& r) : rule_(r), of_(r.program()) {}
  std::string write(bool is_rule) {
    out_.open('{');
    out_.member("is_rule", is_rule);
    out_.member("divergence", word(cppo::divergence_names()[static_cast<std::size_t>(rule_.divergence().index())]));
    out_.member("reports_only", rule_.reports_only());
    out_.member("soft", rule_.gate().is_soft());
    weight(), budget();
    part("mask", of_.mask);
    out_.member("own_loss", rule_.owns_surrogate());
    part("loss", of_.loss);
    if (rule_.has_penalty()) part("penalty", of_.penalty);
    else out_.key("penalty"), out_.nothing();
    folds();
    out_.close('}');
    return out_.text();
  }

 private:
  void weight() {
    out_.member("w_min", rule_.weight().w_min());
    out_.key("seed");
    if (rule_.weight().is_shuffled()) out_.value(rule_.weight().seed());
    else out_.nothing();
    out_.member("reversed", rule_.weight().is_reversed());
    out_.member("shuffle_reversed", rule_.weight().is_shuffle_reversed());
  }
  void budget() {
    out_.key("budget");
    if (!of_.holds(rule_op::prefix_budget)) return out_.nothing();
    out_.open('{');
    out_.member("delta_b", rule_.budget().delta_b());
    if (rule_.budget().calibrated()) {
      cppo::calibration const& how = rule_.budget().how();
      out_.member("quantile", how.quantile), out_.member("scale", how.scale);
      out_.member("ceiling_factor", how.ceiling_factor);
    }
    out_.close('}');
  }
  void folds() {
    out_.key("folds"), out_.open('[');
    for (int k = 0; k < of_.fold_count; ++k) fold(of_.folds[k]);
    out_.close(']');
  }
  void fold(rule_fold const& f) {
    statistic_name const s = name_of(f.statistic);
    out_.open('{');
    out_.member("range", name_of(f.range)), out_.member("statistic", s.name), out_.member("rank", s.rank);
    if (!is_plain(f.statistic)) out_.member("parameter", of_.numbers[f.number]);
    out_.member("level", std::uint64_t{f.level});
    part("of", f.of);
    out_.close('}');
  }
  void part(word name, rule_part const& p) { out_.key(name), node(p.first + p.size - 1); }
  /// What ends with node k.
  void node(int k) {
    rule_node const& n = of_.nodes[k];
    int numbers = 0, operands = 0;
    with_row(n.what, [&](auto, auto row) { numbers = decltype(row)::numbers, operands = decltype(row)::takes.count; });
    out_.open('{');
    out_.member("op", name_of(n.what));
    if (n.what == rule_op::fold) out_.member("fold", std::uint64_t{n.which});
    if (n.what == rule_op::measured) out_.member("divergence", word(cppo::divergence_names()[n.which]));
    if (n.what == rule_op::hashed) out_.member("seed", std::bit_cast<std::uint64_t>(of_.numbers[n.number]));
    else if (numbers > 0) list(of_.numbers + n.number, numbers);
    if (n.counted != cppo::clause::other) out_.member("counted", c_api::name_of(n.counted));
    if (n.sloped && !n.flat) out_.member("sloped", true);
    if (operands > 0) operands_of(k, operands);
    out_.close('}');
  }
  void list(double const* numbers, int count) {
    out_.key("numbers"), out_.open('[');
    for (int i = 0; i < count; ++i) out_.value(numbers[i]);
    out_.close(']');
  }
  void operands_of(int k, int count) {
    int ends[3] = {};
    for (int i = count, at = k - 1; i-- > 0; at = of_.before(at)) ends[i] = at;
    out_.key("of"), out_.open('[');
    for (int i = 0; i < count; ++i) node(ends[i]);
    out_.close(']');
  }

  cppo::described_rule const& rule_;
  rule_program const& of_;
  json_writer out_;
};

}  // namespace

std::int64_t cppo_region_tree(cppo_region const* region, char* text, std::int64_t room) {
  std::int64_t size = -1;
  (void)c_api::answered(nullptr, [&](cppo_status& s) {
    c_api::lent_region r;
    if (!c_api::take_region(region, r, s)) return;
    bool const is_rule = r.is_rule(), is_compiled = r.is_asked() && !is_rule;
    cppo::described_rule const rule = is_rule ? r.rule : cppo::described_rule(r.described);
    std::string const tree = is_compiled ? std::string() : tree_writer(rule).write(is_rule);
    size = c_api::copy_text(tree, text, room);
  });
  return size;
}
