#include "input/array_bytes.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>
#include <zlib.h>

namespace demo {

namespace {

/// Members of a ZIP archive, as its directory lists them.
struct member {
  std::string_view name;
  std::size_t flags, method, crc, packed_size, size, header;
};

/// A ZIP archive in memory. Every place that a file names is checked before it is read.
class archive {
 public:
  archive(std::string const& path, std::string_view bytes) : path_(path), bytes_(bytes) { read_directory(); }

  /// The member of that name, unpacked; nothing if there is none.
  std::optional<std::string> unpacked(std::string const& name) const {
    auto const found = std::find_if(members_.begin(), members_.end(), [&](member const& m) { return m.name == name; });
    if (found == members_.end()) return std::nullopt;
    std::string content = unpacked(*found);
    auto const data = reinterpret_cast<Bytef const*>(content.data());
    if (crc32_z(0, data, content.size()) != found->crc) fail("\"" + name + "\" is damaged: write the file anew");
    return content;
  }

 private:
  [[noreturn]] void fail(std::string const& what) const { throw input_error(path_ + ": " + what); }

  std::size_t number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) fail("not a whole NPZ file: save it with numpy.savez");
    return static_cast<std::size_t>(whole_number(bytes_, at, size));
  }

  std::string_view part(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) fail("not a whole NPZ file: save it with numpy.savez");
    return bytes_.substr(at, size);
  }

  void read_directory() {
    std::size_t const end = bytes_.rfind("PK\5\6");
    if (end == std::string_view::npos) fail("not a whole NPZ file: save it with numpy.savez");
    std::size_t at = number(end + 16, 4);
    for (std::size_t left = number(end + 10, 2); left > 0; --left) {
      if (part(at, 4) != "PK\1\2") fail("not a whole NPZ file: save it with numpy.savez");
      std::size_t const length = number(at + 28, 2);
      members_.push_back({part(at + 46, length), number(at + 8, 2), number(at + 10, 2), number(at + 16, 4),
                          number(at + 20, 4), number(at + 24, 4), number(at + 42, 4)});
      at += 46 + length + number(at + 30, 2) + number(at + 32, 2);
    }
  }

  std::string unpacked(member const& m) const {
    constexpr std::size_t zip64 = 0xffffffff;
    constexpr std::size_t densest = 1040;  // no byte of deflate stands for more
    if (m.packed_size == zip64 || m.size == zip64 || m.header == zip64) fail("an array has 4 GB or more");
    if ((m.flags & 1U) != 0 || (m.method != 0 && m.method != Z_DEFLATED)) fail("neither stored nor deflated");
    if (part(m.header, 4) != "PK\3\4") fail("not a whole NPZ file: save it with numpy.savez");
    std::string_view const packed =
        part(m.header + 30 + number(m.header + 26, 2) + number(m.header + 28, 2), m.packed_size);
    if (m.method == 0) {
      if (m.size != m.packed_size) fail("an array is damaged: write the file anew");
      return std::string(packed);
    }
    if (m.size > densest * (packed.size() + 1)) fail("an array is damaged: write the file anew");
    return inflated(packed, m.size);
  }

  std::string inflated(std::string_view packed, std::size_t size) const {
    std::string content(size, '\0');
    z_stream stream{};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib reads it alone
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(content.data());
    stream.avail_out = static_cast<uInt>(size);
    constexpr int without_header = -15;
    if (inflateInit2(&stream, without_header) != Z_OK) throw std::bad_alloc();
    int const ended = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (ended != Z_STREAM_END || stream.total_out != size) fail("an array is damaged: write the file anew");
    return content;
  }

  std::string const& path_;
  std::string_view bytes_;
  std::vector<member> members_;
};

/// The header of an NPY file: a Python dictionary in one line, as numpy.save writes it.
class npy_header {
 public:
  npy_header(std::string const& place, std::string_view file) : place_(place) {
    if (!file.starts_with("\x93NUMPY") || file.size() < 12) fail("is no array: save it with numpy.savez");
    std::size_t const length_size = file[6] == 1 ? 2 : 4;
    std::size_t const begin = 8 + length_size;
    std::size_t const length = static_cast<std::size_t>(whole_number(file, 8, length_size));
    if (length > file.size() - begin) fail("is cut off: write the file anew");
    text_ = file.substr(begin, length);
    data_ = file.substr(begin + length);
  }

  std::string_view data() const { return data_; }

  element_type const& type() const {
    std::string_view const given = between(after("'descr':"), "'", "'");
    std::string_view const name = given.substr(given.empty() ? 0 : 1);
    auto const types = element_types();
    auto const known = std::find_if(types.begin(), types.end(),
                                    [&](element_type const& t) { return !t.npy.empty() && t.npy == name; });
    if (known == types.end() || given.front() == '>') {
      fail("must hold float16, float32, float64, whole numbers or bool, in the byte order of x86: convert it");
    }
    return *known;
  }

  std::vector<std::size_t> shape() const {
    std::string_view text = between(after("'shape':"), "(", ")");
    std::vector<std::size_t> shape;
    for (;;) {
      text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
      if (text.empty()) break;
      std::size_t n = 0;
      auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
      if (error != std::errc{}) fail("has a shape that is not of whole numbers: write the file anew");
      shape.push_back(n);
      text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    }
    if (shape.size() > 1 && !after("'fortran_order':").starts_with(" False")) {
      fail("is stored by columns: save numpy.ascontiguousarray of it");
    }
    return shape;
  }

 private:
  [[noreturn]] void fail(char const* what) const { throw input_error(place_ + " " + what); }

  std::string_view after(std::string_view key) const {
    std::size_t const at = text_.find(key);
    if (at == std::string_view::npos) fail("is no array: save it with numpy.savez");
    return text_.substr(at + key.size());
  }

  std::string_view between(std::string_view text, char const* open, char const* close) const {
    std::size_t const begin = text.find(open);
    std::size_t const end = begin == std::string_view::npos ? begin : text.find(close, begin + 1);
    if (end == std::string_view::npos) fail("is no array: save it with numpy.savez");
    return text.substr(begin + 1, end - begin - 1);
  }

  std::string const& place_;
  std::string_view text_, data_;
};

}  // namespace

number_arrays read_npz(std::string const& path, std::span<std::string_view const> names) {
  std::string const bytes = bytes_of(path);
  archive const members(path, bytes);
  number_arrays arrays;
  for (std::string_view const name : names) {
    std::optional<std::string> const file = members.unpacked(std::string(name) + ".npy");
    if (!file) continue;
    std::string const place = fmt::format("{}: \"{}\"", path, name);
    npy_header const header(place, *file);
    arrays.emplace(name, decoded(place, header.type(), header.shape(), header.data()));
  }
  return arrays;
}

}  // namespace demo
