#include "machine.hpp"

#include "schedule.hpp"
#include "special.hpp"

#include <algorithm>
#include <numeric>

namespace ptx {

u64 counters::all() const noexcept { return std::accumulate(instructions.begin(), instructions.end(), u64{0}); }

step::step(warp& of, lane_mask threads) : w(of), group(threads), active(threads) {
  thread_state const& t = w.threads[static_cast<std::size_t>(std::countr_zero(threads))];
  base = t.base;
  here = t.here;
  number = run().number;
  registers = w.registers.data() + base;
}

u64 const* step::values(operand const& o, int k) {
  row& r = scratch[static_cast<std::size_t>(k)];
  switch (o.kind) {
    case operand_kind::reg: {
      row const& from = registers[o.index];
      if (!o.negated) return from.data();
      for (std::size_t l = 0; l < lanes; ++l) r[l] = from[l] == 0;
      return r.data();
    }
    case operand_kind::constant: return here->constants[static_cast<std::size_t>(o.index)].data();
    case operand_kind::special: return w.special[static_cast<std::size_t>(o.index)].data();
    case operand_kind::symbol: break;
    default: throw fault("an operand is missing");
  }
  if (o.where == home::frame) {
    for (int l = 0; l < lanes; ++l) {
      s64 const frame = w.threads[static_cast<std::size_t>(l)].frame;
      r[static_cast<std::size_t>(l)] = reinterpret_cast<u64>(w.stack_of(l) + frame + o.offset);
    }
    return r.data();
  }
  u64 begin = 0;
  if (o.where == home::shared) begin = home().rank * near().stride;
  if (o.where == home::kernel_parameter) begin = reinterpret_cast<u64>(run().parameters);
  r.fill(begin + static_cast<u64>(o.offset));
  return r.data();
}

namespace {

std::unique_ptr<warp> make_warp(block& b, int index) {
  launch const& run = *b.home->home;
  auto w = std::make_unique<warp>();
  w->home = &b;
  w->index = index;
  int const n = std::min(lanes, b.threads - index * lanes);
  w->all = w->running = n == lanes ? ~lane_mask{0} : (lane_mask{1} << n) - 1;
  w->registers.resize(static_cast<std::size_t>(run.kernel->registers));
  w->stack = aligned_in(w->stack_raw, static_cast<u64>(warp::stack_bytes) * lanes);
  for (int l = 0; l < n; ++l) {
    thread_state& t = w->threads[static_cast<std::size_t>(l)];
    t.here = run.kernel;
    t.at = run.kernel->code.data();
  }
  fill_special(*w);
  return w;
}

std::unique_ptr<cluster> make_cluster(launch& run, u32 index) {
  auto c = std::make_unique<cluster>();
  c->home = &run;
  c->index = index;
  c->stride = std::bit_ceil(static_cast<u64>(run.kernel->shared_bytes) + 16);
  u64 const bytes = c->stride * run.cluster_size;
  c->shared = aligned_in(c->raw, bytes);
  std::memset(c->shared, 0xcd, bytes);
  for (u32 rank = 0; rank < run.cluster_size; ++rank) {
    auto b = std::make_unique<block>();
    b->home = c.get();
    b->rank = rank;
    b->index = index * run.cluster_size + rank;
    b->threads = b->alive = run.block_threads();
    for (int k = 0; k * lanes < b->threads; ++k) b->warps.push_back(make_warp(*b, k));
    c->blocks.push_back(std::move(b));
  }
  return c;
}

bool ended(cluster const& c) {
  return std::all_of(c.blocks.begin(), c.blocks.end(), [](auto const& b) { return b->alive == 0; });
}

// Every warp of a cluster has its turn; how many instructions were run, or threads let go.
u64 run_cluster(cluster& c, schedule& order) {
  u64 done = 0;
  for (auto const& b : c.blocks) {
    int const n = static_cast<int>(b->warps.size()), first = order.first(n);
    for (int k = 0; k < n; ++k) {
      warp& w = *b->warps[static_cast<std::size_t>((first + k) % n)];
      done += run_warp(w, order.turn(), order);
    }
    done += settle_block(*b) ? 1 : 0;
  }
  return done + (settle_cluster(c) ? 1 : 0);
}

// "; 3 threads of block 0 warp 1 at a block's barrier, line 17"; those that wait for a warp run the instruction again.
std::string waiting(warp const& w, lane_mask who, char const* what, int last) {
  if (who == 0) return "";
  thread_state const& t = w.threads[static_cast<std::size_t>(std::countr_zero(who))];
  return "; " + std::to_string(std::popcount(who)) + " threads of block " + std::to_string(w.home->index) + " warp " +
         std::to_string(w.index) + " at " + what + ", line " + std::to_string(t.at[last].line);
}
[[noreturn]] void stuck(launch const& run, std::vector<std::unique_ptr<cluster>> const& live) {
  std::string who;
  for (auto const& c : live) {
    for (auto const& b : c->blocks) {
      for (auto const& w : b->warps) {
        if (who.size() > 600) continue;
        who += waiting(*w, w->at_warp, "a warp's", 0) + waiting(*w, w->at_block, "a block's barrier", -1) +
               waiting(*w, w->at_cluster, "a cluster's barrier", -1);
      }
    }
  }
  throw fault("threads wait for ever: " + short_name(run.kernel->name) + who);
}

}  // namespace

void launch::run() {
  schedule order(how.seed);
  std::vector<std::unique_ptr<cluster>> live;
  u32 const total = blocks() / cluster_size;
  u32 const window = std::max<u32>(1, static_cast<u32>(how.blocks) / cluster_size);
  ++counts->launches;
  counts->threads += u64{blocks()} * static_cast<u64>(block_threads());
  u64 idle = 0, spent = 0;
  for (u32 next = 0; next < total || !live.empty();) {
    while (live.size() < window && next < total) live.push_back(make_cluster(*this, next++));
    u64 done = 0;
    int const n = static_cast<int>(live.size()), first = order.first(n);
    for (int k = 0; k < n; ++k) done += run_cluster(*live[static_cast<std::size_t>((first + k) % n)], order);
    std::erase_if(live, [](auto const& c) { return ended(*c); });
    idle = done > 0 ? 0 : idle + 1;
    spent += done;
    if (!live.empty() && idle > (order.at_random() ? 200 : 1)) stuck(*this, live);
    if (spent > how.patience) throw fault("it does not end: " + short_name(kernel->name));
  }
}

}  // namespace ptx
