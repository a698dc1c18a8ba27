#include "device.hpp"

#include <sstream>

namespace ptx {

module& device::add(std::string name, std::string text) {
  module& m = *modules_.emplace_back(read_module(std::move(name), std::move(text)));
  for (auto const& [variable_name, v] : m.globals) {
    auto* const p = static_cast<u8*>(memory.allocate(static_cast<u64>(v.size), memory_kind::module_variable));
    if (p == nullptr) throw fault("no memory for " + variable_name);
    std::memcpy(p, m.contents[variable_name].data(), static_cast<std::size_t>(v.size));
    m.addresses[variable_name] = p;
  }
  return m;
}

function const& device::kernel(module& m, std::string_view name) {
  auto const f = m.functions.find(name);
  if (f == m.functions.end() || !f->second->entry) throw fault("no kernel " + std::string(name) + " in " + m.name);
  read_body(*f->second);
  bool const fits = f->second->shared_bytes <= 48 << 10;
  if (!fits) throw fault("more than 48 KiB of shared memory: " + short_name(f->second->name));
  return *f->second;
}

void device::run(function const& kernel, dimension grid, dimension threads, u32 cluster_size,
                 std::vector<u8> const& parameters, stream_id in) {
  launch l;
  l.number = ++launches_;
  l.kernel = &kernel;
  l.grid = grid;
  l.threads = threads;
  l.cluster_size = cluster_size;
  // Parameters are aligned as their types want it.
  std::vector<u64> aligned((parameters.size() + 15) / 8);
  std::memcpy(aligned.data(), parameters.data(), parameters.size());
  l.parameters = reinterpret_cast<u8*>(aligned.data());
  l.how = how;
  l.memory = &memory;
  l.found = &found;
  l.races = &races_;
  l.counts = &counts[kernel.name];
  std::vector<bool> const after = streams.launch(in);
  if (how.races) races_.begin(l, after);
  l.run();
}

std::string counts_text(device const& d) {
  std::ostringstream out;
  out << "# kernel ## launches ## threads";
  for (char const* const name : work_names) out << " ## " << name;
  out << " ## global read ## global written ## shared read ## shared written\n";
  for (auto const& [name, c] : d.counts) {
    out << name << " ## " << c.launches << " ## " << c.threads;
    for (u64 const n : c.instructions) out << " ## " << n;
    for (u64 const n : {c.global_read, c.global_written, c.shared_read, c.shared_written}) out << " ## " << n;
    out << '\n';
  }
  return out.str();
}

std::string coverage_text(device const& d) {
  std::ostringstream out;
  d.each_function([&out](function const& f) {
    std::size_t ran = 0;
    for (instruction const& i : f.code) ran += i.hits > 0 ? 1 : 0;
    out << "function " << f.owner->name << ' ' << f.name << ' ' << ran << " of " << f.code.size() << '\n';
    for (instruction const& i : f.code) out << i.line << ' ' << i.hits << ' ' << i.what->name << '\n';
  });
  return out.str();
}

}  // namespace ptx
