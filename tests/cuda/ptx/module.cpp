// The outer level of a module: variables, and functions with their parameters.
#include "program.hpp"
#include "text.hpp"

namespace ptx {

namespace {

s64 aligned(s64 offset, s64 to) { return (offset + to - 1) / to * to; }

class module_reader {
 public:
  explicit module_reader(module& m) : m_(m), rest_(m.text) {}

  void read() {
    for (;;) {
      skip();
      if (rest_.empty()) return;
      if (starts(".version") || starts(".address_size") || starts(".file")) drop_line();
      else if (starts(".section")) drop(rest_.find('}') + 1);  // names for .loc
      else if (starts(".target")) read_target();
      else if (is_function()) read_function();
      else read_variable();
    }
  }

 private:
  bool starts(std::string_view word) const { return rest_.starts_with(word); }
  void drop(std::size_t n) {
    for (char const c : rest_.substr(0, n)) line_ += c == '\n' ? 1 : 0;
    rest_.remove_prefix(n);
  }
  void drop_line() { drop(std::min(rest_.find('\n'), rest_.size())); }
  void skip() {
    while (!rest_.empty()) {
      if (starts("//")) drop_line();
      else if (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\r' || rest_[0] == '\n' || rest_[0] == '\0') drop(1);
      else return;
    }
  }
  void read_target() {
    std::size_t const sm = rest_.find("sm_");
    m_.architecture = sm < rest_.find('\n') ? std::atoi(std::string(rest_.substr(sm + 3, 3)).c_str()) : 0;
    drop_line();
  }
  // Where the header of a function or the declaration of a variable ends.
  std::size_t end_of_item() const {
    std::size_t const end = rest_.find_first_of("{;");
    if (end == std::string_view::npos) throw fault("text after the last function: " + std::string(rest_.substr(0, 60)));
    return end;
  }
  bool is_function() const {
    std::string_view const header = rest_.substr(0, end_of_item());
    return header.find(".entry") != std::string_view::npos || header.find(".func") != std::string_view::npos;
  }

  void read_function() {
    auto f = std::make_unique<function>();
    std::size_t const end = end_of_item();
    f->header = rest_.substr(0, end);
    f->owner = &m_;
    read_header(*f);
    bool const has_body = rest_[end] == '{';
    drop(end + 1);
    f->line = line_;
    if (has_body) {
      std::size_t const size = body_size();
      f->body = rest_.substr(0, size);
      drop(size + 1);
    }
    std::unique_ptr<function>& known = m_.functions[f->name];
    // The text may refer to a function before it defines it.
    if (known == nullptr || known->body.empty()) known = std::move(f);
  }
  // Up to the brace that closes it.
  std::size_t body_size() const {
    int depth = 1;
    for (std::size_t k = 0; k < rest_.size(); ++k) {
      char const c = rest_[k];
      if (c == '/' && rest_.substr(k, 2) == "//") k = std::min(rest_.find('\n', k), rest_.size());
      else if (c == '{') ++depth;
      else if (c == '}' && --depth == 0) return k;
    }
    throw fault("a function does not end");
  }

  // ".visible .entry name(.param ..., .param ...)" or ".func (.param result) name(...)", and directives about launches.
  static void read_header(function& f) {
    f.entry = f.header.find(".entry") != std::string_view::npos;
    std::size_t const word = f.header.find(f.entry ? ".entry" : ".func");
    std::string_view rest = trimmed(f.header.substr(word + (f.entry ? 6 : 5)));
    if (!rest.empty() && rest[0] == '(') {
      std::size_t const close = rest.find(')');
      add_parameter(f, declared(rest.substr(1, close - 1)), f.result);
      rest = trimmed(rest.substr(close + 1));
    }
    std::size_t const open = std::min(rest.find('('), rest.size());
    std::string_view const name = trimmed(rest.substr(0, open));
    f.name = std::string(name.substr(0, std::min(name.find_first_of(" \t\r\n"), name.size())));
    if (open == rest.size()) return;
    for (std::string_view const p : listed(rest.substr(open + 1, rest.find(')', open) - open - 1))) {
      add_parameter(f, declared(p), f.parameters.emplace_back());
    }
  }
  static void add_parameter(function& f, declaration const& d, variable& v) {
    s64& bytes = f.entry ? f.parameter_bytes : f.frame_bytes;
    v = {f.entry ? home::kernel_parameter : home::frame, aligned(bytes, d.align), d.size};
    bytes = v.offset + d.size;
    f.variables[std::string(d.name)] = v;
  }

  void read_variable() {
    std::string_view text = rest_.substr(0, rest_.find(';'));
    drop(text.size() + 1);
    if (text.starts_with(".shared")) {
      declaration const d = declared(text);
      m_.shared[std::string(d.name)] = {d.align, d.size, -1};
      return;
    }
    if (text.find(".global") == std::string_view::npos && text.find(".const") == std::string_view::npos) {
      throw fault("a directive is not known: " + std::string(text.substr(0, 80)));
    }
    std::string_view values;
    if (std::size_t const equals = text.find('='); equals != std::string_view::npos) {
      values = trimmed(text.substr(equals + 1));
      text = text.substr(0, equals);
    }
    declaration const d = declared(text);
    std::vector<u8> content(static_cast<std::size_t>(d.size), 0);
    if (!values.empty() && values[0] == '{') values = values.substr(1, values.size() - 2);
    auto const each = static_cast<std::size_t>(size_of(d.t));
    std::size_t at = 0;
    for (std::string_view const v : listed(values)) {
      std::optional<u64> const x = number(v);
      if (!x || at + each > content.size()) throw fault("a value is not known: " + std::string(text.substr(0, 80)));
      std::memcpy(content.data() + at, &*x, each);
      at += each;
    }
    m_.globals[std::string(d.name)] = {home::global, 0, d.size};
    m_.contents[std::string(d.name)] = std::move(content);
  }

  module& m_;
  std::string_view rest_;
  u32 line_ = 1;
};

}  // namespace

std::unique_ptr<module> read_module(std::string name, std::string text) {
  auto m = std::make_unique<module>();
  m->name = std::move(name);
  m->text = std::move(text);
  module_reader(*m).read();
  return m;
}

}  // namespace ptx
