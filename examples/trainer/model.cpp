#include "model.hpp"

#include "input_error.hpp"
#include "random.hpp"

#include <cppo/cppo.hpp>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <system_error>

namespace trainer {

namespace {

static_assert(std::endian::native == std::endian::little, "model files are read as little-endian memory");

constexpr std::size_t sizes_in_file = 7;
static_assert(sizeof(std::int32_t) == sizeof(float), "every number of a model file has four bytes");
constexpr int largest_size = 1 << 20;

/// The places of all groups. Pre: the sizes have been checked; then seven groups hold at most 2^60 numbers and four are
/// small, so that the sum is below 2^63.
std::array<tensor_place, all_tensors.size()> places_of(model_shape const& s) {
  s.check();
  Index const layers = s.layers;
  std::array<tensor_place, all_tensors.size()> places = {{
      {0, s.vocabulary, s.dim, 1},
      {0, 1, s.dim, layers},
      {0, s.dim, s.dim, layers},
      {0, s.kv_dim(), s.dim, layers},
      {0, s.kv_dim(), s.dim, layers},
      {0, s.dim, s.dim, layers},
      {0, 1, s.dim, layers},
      {0, s.hidden, s.dim, layers},
      {0, s.dim, s.hidden, layers},
      {0, s.hidden, s.dim, layers},
      {0, 1, s.dim, 1},
  }};
  Index first = 0;
  for (tensor_place& p : places) {
    p.first = first;
    first += p.size();
  }
  return places;
}

Index parameter_count(model_shape const& s) {
  tensor_place const last = places_of(s).back();
  return last.first + last.size();
}

}  // namespace

void model_shape::check() const {
  for (int const size : {dim, hidden, layers, heads, kv_heads, vocabulary, context}) {
    if (size < 1 || size > largest_size) throw std::invalid_argument("a size of the model is below 1 or above 2^20");
  }
  if (dim % heads != 0 || head_dim() % 2 != 0) {
    throw std::invalid_argument("dim must be heads times an even number: rotary positions turn pairs of features");
  }
  if (heads % kv_heads != 0) throw std::invalid_argument("heads must be a multiple of kv_heads");
}

char const* name(tensor t) {
  constexpr char const* names[] = {"embedding", "attention norm", "query", "key", "value", "attention out",
                                   "feed-forward norm", "gate", "down", "up", "final norm"};
  return names[static_cast<std::size_t>(t)];
}

template <class Real>
parameters<Real>::parameters(model_shape const& shape) : shape_(shape), places_(places_of(shape)) {
  values_.resize(static_cast<std::size_t>(parameter_count(shape)));
}

template class parameters<float>;
template class parameters<double>;

parameters<float> read_model(std::string const& path) {
  auto const fail = [&path](std::string const& what) { throw input_error(path + ": " + what); };
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("the file cannot be opened");
  std::int32_t sizes[sizes_in_file] = {};
  if (!file.read(reinterpret_cast<char*>(sizes), sizeof sizes)) fail("too short for a model");
  model_shape const shape{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6]};
  try {
    shape.check();
  } catch (std::invalid_argument const& e) {
    fail(std::string("not a model: ") + e.what());
  }
  // Sizes are trusted only as far as the file is long. Numbers are counted, because bytes could be more than 2^64.
  auto const count = static_cast<std::uintmax_t>(parameter_count(shape));
  std::uintmax_t const in_file = std::filesystem::file_size(path) / sizeof(float);
  if (in_file < sizes_in_file + count) fail("the file ends inside the weights");
  parameters<float> weights(shape);
  if (!file.read(reinterpret_cast<char*>(weights.flat().data()), static_cast<std::streamsize>(count * sizeof(float)))) {
    fail("the file cannot be read");
  }
  for (float const w : weights.flat()) {
    if (!std::isfinite(w)) fail("a weight is NaN or infinite");
  }
  return weights;
}

void write_model(std::string const& path, parameters<float> const& weights) {
  model_shape const& s = weights.shape();
  std::int32_t const sizes[sizes_in_file] = {s.dim, s.hidden, s.layers, s.heads, s.kv_heads, s.vocabulary, s.context};
  std::string const unfinished = path + "." + std::to_string(std::random_device{}());
  {
    std::ofstream file(unfinished, std::ios::binary);
    file.write(reinterpret_cast<char const*>(sizes), sizeof sizes);
    file.write(reinterpret_cast<char const*>(weights.flat().data()),
               static_cast<std::streamsize>(weights.flat().size() * sizeof(float)));
    if (!file.flush()) throw input_error(unfinished + ": the file cannot be written");
  }
  std::error_code failed;
  std::filesystem::rename(unfinished, path, failed);
  if (failed) throw input_error(path + ": the file cannot be written: " + failed.message());
}

parameters<float> random_model(model_shape const& shape, std::uint64_t seed) {
  parameters<float> weights(shape);
  random_stream random({seed});
  for (tensor const t : all_tensors) {
    tensor_place const& p = weights.place(t);
    bool const is_norm = t == tensor::attention_norm || t == tensor::feed_forward_norm || t == tensor::final_norm;
    double deviation = 1.0 / std::sqrt(static_cast<double>(p.columns));
    if (t == tensor::attention_out || t == tensor::down) deviation /= std::sqrt(2.0 * shape.layers);
    for (Index i = 0; i < p.size(); ++i) {
      weights.flat()[static_cast<std::size_t>(p.first + i)] =
          is_norm ? 1.0F : static_cast<float>(deviation * random.normal());
    }
  }
  return weights;
}

parameters<float> rounded_to_bfloat16(parameters<float> const& weights) {
  parameters<float> rounded = weights;
  for (float& w : rounded.flat()) w = cppo::to_float(cppo::to_bfloat16(w));
  return rounded;
}

}  // namespace trainer
