// The call for JAX: a handler of XLA's FFI around cppo_policy_loss. It is compiled on first use, since its headers are
// those of the user's jaxlib.
#include <cppo.h>

#include <cstddef>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;
using words = ffi::Span<std::int64_t const>;

constexpr std::size_t members = 9;  // of a cppo_lent, without its address

/// The tensor whose extents and strides stand at `m`: dtype, rank, shape, stride.
cppo_tensor tensor_of(std::int64_t const* m, void* data) {
  return {data, static_cast<std::int32_t>(m[1]), static_cast<std::int32_t>(m[2]), {m[3], m[4]}, {m[5], m[6]}};
}
cppo_lent lent_of(std::int64_t const* m, void* data) {
  return {static_cast<std::int32_t>(m[0]), static_cast<std::int32_t>(m[1]), tensor_of(m + 2, data)};
}

// A buffer that is not there is a mistake of the file beside this one.
void* data_of(ffi::RemainingArgs const& args, std::size_t i) {
  return args.get<ffi::AnyBuffer>(i).value().untyped_data();
}
void* data_of(ffi::RemainingRets const& rets, std::size_t i) {
  return rets.get<ffi::AnyBuffer>(i).value()->untyped_data();
}
/// By their text, what `cppo_region_compiled` takes of regions with parts that the user wrote.
struct compiled_regions {
  std::mutex mutex;
  std::map<std::string, void const*, std::less<>> objects;

  void const* find(std::string_view text) {
    std::lock_guard const lock(mutex);
    auto const found = objects.find(text);
    return found != objects.end() ? found->second : nullptr;
  }
};
compiled_regions& compiled() {
  static compiled_regions all;
  return all;
}

/// The region of a text and of numbers that are pairs of 32 bits.
bool parsed(std::string_view text, ffi::RemainingArgs const& args, cppo_region& into, cppo_status& s) {
  std::vector<double> numbers(static_cast<std::size_t>(args.get<ffi::AnyBuffer>(0).value().element_count()) / 2);
  if (!numbers.empty()) std::memcpy(numbers.data(), data_of(args, 0), 8 * numbers.size());
  auto const count = static_cast<std::int64_t>(numbers.size());
  void const* const object = compiled().find(text);
  if (object != nullptr) return cppo_region_compiled(object, numbers.data(), count, &into, &s) == 0;
  return cppo_region_parse(std::string(text).c_str(), numbers.data(), count, &into, &s) == 0;
}
/// The tensors whose members stand at `all`, in the buffers from number `first` on.
template <class Buffers>
std::vector<cppo_lent> lent_of(words all, Buffers const& buffers, std::size_t first) {
  std::vector<cppo_lent> lent;
  for (std::int64_t const* m = all.begin(); m != all.end(); m += members)
    lent.push_back(lent_of(m, data_of(buffers, first + lent.size())));
  return lent;
}
void write_loss(ffi::AnyBuffer into, double loss) {
  if (into.element_type() == ffi::DataType::F64) *static_cast<double*>(into.untyped_data()) = loss;
  else *static_cast<float*>(into.untyped_data()) = static_cast<float>(loss);
}

/// Arguments: the region's numbers, cu_seqlens if packed, inputs. Results: the loss, the report as pairs of 32 bits,
/// outputs, the gradient first. `shape`: responses, width, capacity, top_k, 1 if packed, 1 if the loss is each token's,
/// the first code that is an error, the number of the measure that is the loss.
ffi::Error run(ffi::RemainingArgs args, ffi::RemainingRets rets, std::string_view text, words shape, words cuts,
               words inputs, words outputs, words options) {
  bool const packed = shape[4] != 0, per_token = shape[5] != 0;
  cppo_status s;
  cppo_region region;
  if (!parsed(text, args, region, s)) return ffi::Error::InvalidArgument(s.message);
  std::vector<cppo_lent> const in = lent_of(inputs, args, packed ? 2 : 1);
  std::vector<cppo_lent> out = lent_of(outputs, rets, 2);
  if (per_token) {
    out.push_back(out[0]);  // of the gradient's shape and type
    out.back().id = cppo_out_loss;
    out.back().tensor.data = data_of(rets, 0);
  }
  cppo_tensor const offsets = packed ? tensor_of(cuts.begin(), data_of(args, 1)) : cppo_tensor{};
  cppo_batch const batch{sizeof batch, shape[0], shape[1], offsets, shape[2], shape[3], in.data(),
                         static_cast<std::int64_t>(in.size())};
  double report[CPPO_REPORT_ROOM];
  cppo_outputs const results{sizeof results, out.data(), static_cast<std::int64_t>(out.size()), report};
  cppo_options chosen;
  std::memcpy(&chosen, options.begin(), sizeof chosen);
  if (cppo_policy_loss(&batch, &region, &results, &chosen, &s) >= shape[6])
    return ffi::Error::InvalidArgument(s.message);
  std::memcpy(data_of(rets, 1), report, 8 * static_cast<std::size_t>(cppo_report_count()));
  if (!per_token) write_loss(*rets.get<ffi::AnyBuffer>(0).value(), cppo_measure(report, shape[7]));
  return ffi::Error::Success();
}

}  // namespace

/// Tells the handler what answers for regions of a text.
extern "C" __attribute__((visibility("default"))) void cppo_jax_compiled(char const* text, void const* object) {
  std::lock_guard const lock(compiled().mutex);
  compiled().objects[text] = object;
}
extern "C" __attribute__((visibility("default"))) XLA_FFI_Error* cppo_jax_policy_loss(XLA_FFI_CallFrame* frame);
XLA_FFI_DEFINE_HANDLER_SYMBOL(cppo_jax_policy_loss, run,
                              ffi::Ffi::Bind()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Attr<std::string_view>("region")
                                  .Attr<words>("shape")
                                  .Attr<words>("cuts")
                                  .Attr<words>("inputs")
                                  .Attr<words>("outputs")
                                  .Attr<words>("options"));
