// Small programs of PTX, run on a device of their own.
#pragma once

#include "../device.hpp"
#include "../table.hpp"

#include "support/catch_compat.hpp"

#include <algorithm>
#include <set>

namespace ptx_test {

using namespace ptx;

inline std::string const header = ".version 9.0\n.target sm_90\n.address_size 64\n";

// A kernel `k(out)` with a body; %out is the address of `words` words of device memory, 0 at first, which it leaves.
class small_program {
 public:
  explicit small_program(std::string const& body, std::string const& before = "") {
    text_ = header + before + ".visible .entry k(.param .u64 out) {\n.reg .b64 %out;\nld.param.u64 %out, [out];\n" + body + "\nret;\n}\n";
  }
  device gpu;
  dimension grid{1, 1, 1}, threads{1, 1, 1};
  u32 cluster_size = 1;
  std::vector<u32> without;  // lines of the body whose instructions are left out; 1: the first

  std::vector<u64> run(std::size_t words = 1) {
    module& m = gpu.add("test", text_);
    for (u32 const line : without) m.without.push_back(line + 6);
    function const& f = gpu.kernel(m, "k");
    auto* const out = static_cast<u64*>(gpu.memory.allocate(8 * words, memory_kind::device));
    std::memset(out, 0, 8 * words);
    allocation& a = *gpu.memory.find(reinterpret_cast<u64>(out), 1);
    a.marks.define(a.size, 0, a.size);
    std::vector<u8> parameters(8);
    std::memcpy(parameters.data(), &out, 8);
    gpu.run(f, grid, threads, cluster_size, parameters);
    return {out, out + words};
  }
  // What it stops with, "" if it does not.
  std::string fault_of(std::size_t words = 64) {
    try {
      (void)run(words);
      return "";
    } catch (fault const& wrong) {
      return wrong.what();
    }
  }

 private:
  std::string text_;
};

// Opcodes that a test has a case for; at the end of a file: all that begin with its words?
class cases {
 public:
  void have(std::string const& opcode) { names_.insert(opcode); }
  // Rows of the table that begin with one of these words and have no case.
  std::vector<std::string> missing(std::vector<std::string> const& words) const {
    std::vector<std::string> without;
    for (auto const& [name, row] : known()) {
      std::string const word = name.substr(0, name.find('.'));
      if (std::find(words.begin(), words.end(), word) != words.end() && !names_.contains(name)) without.push_back(name);
    }
    return without;
  }

 private:
  std::set<std::string> names_;
};

}  // namespace ptx_test
