// Model files, shapes, and weights made from a seed.
#include "support/catch_compat.hpp"
#include "input_error.hpp"
#include "model.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>

using namespace trainer;

namespace {

std::string const data = CPPO_EXAMPLE_DATA;

std::string a_path() {
  std::string const name = "cppo_model_" + std::to_string(std::random_device{}()) + ".bin";
  return (std::filesystem::temp_directory_path() / name).string();
}

/// The first `bytes` of the model, with `edit` applied, in a file that goes away again.
class edited_model {
 public:
  template <class Edit>
  edited_model(std::size_t bytes, Edit const& edit) : path_(a_path()) {
    std::ifstream in(data + "/stories260K.bin", std::ios::binary);
    std::string all(bytes, '\0');
    in.read(all.data(), static_cast<std::streamsize>(bytes));
    edit(all);
    std::ofstream(path_, std::ios::binary) << all;
  }
  ~edited_model() { std::filesystem::remove(path_); }
  std::string refusal() const {
    try {
      static_cast<void>(read_model(path_));
      return "";
    } catch (std::runtime_error const& e) {
      return e.what();
    }
  }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("the bundled model has the shape and number of parameters of its description") {
  parameters<float> const w = read_model(data + "/stories260K.bin");
  CHECK(w.shape() == model_shape{64, 172, 5, 8, 4, 512, 512});
  CHECK(w.flat().size() == 260032);
}

TEST_CASE("a file that is no model is refused with its name and what is wrong") {
  auto const same = [](std::string&) {};
  CHECK_THROWS_AS(read_model(data + "/nowhere.bin"), input_error);
  CHECK(edited_model(20, same).refusal().find("too short for a model") != std::string::npos);
  CHECK(edited_model(5000, same).refusal().find("the file ends inside the weights") != std::string::npos);
  CHECK(edited_model(2000000, [](std::string& s) { s[0] = 63; }).refusal().find("not a model") != std::string::npos);
  CHECK(edited_model(2000000, [](std::string& s) { s[3] = '\x7f'; }).refusal().find("not a model") !=
        std::string::npos);
  auto const nan = [](std::string& s) { s[30] = '\xff', s[31] = '\x7f', s[28 + 1] = '\xff'; };
  CHECK(edited_model(2000000, nan).refusal().find("NaN") != std::string::npos);
}

TEST_CASE("sizes whose weights have more bytes than an integer counts are believed no more than others") {
  std::int32_t const sizes[] = {1048576, 1048576, 599186, 1, 1, 898779, 8};  // 2^62 parameters
  auto const huge = [&](std::string& s) { std::memcpy(s.data(), sizes, sizeof sizes); };
  CHECK(edited_model(sizeof sizes, huge).refusal().find("the file ends inside the weights") != std::string::npos);
}

TEST_CASE("a shape that makes no model is refused") {
  auto const refused = [](model_shape const& s) { CHECK_THROWS_AS(parameters<float>(s), std::invalid_argument); };
  refused({0, 12, 2, 4, 2, 11, 16});
  refused({8, 12, 2, 3, 1, 11, 16});   // heads do not divide dim
  refused({12, 12, 2, 4, 2, 11, 16});  // heads of three features cannot be turned in pairs
  refused({8, 12, 2, 4, 3, 11, 16});   // key/value heads do not divide heads
  refused({8, 12, 2, 4, 2, 11, 1 << 21});
  refused({8, 12, 2, 0, 2, 11, 16});
}

TEST_CASE("groups of parameters lie one after the other and cover all") {
  parameters<float> const w({8, 12, 3, 4, 2, 11, 16});
  Index next = 0;
  for (tensor const t : all_tensors) {
    CHECK(w.place(t).first == next);
    next += w.place(t).size();
  }
  CHECK(static_cast<std::size_t>(next) == w.flat().size());
  CHECK(w(tensor::key, 1).data() == w.flat().data() + w.place(tensor::key).first + 4 * 8);
}

TEST_CASE("random weights depend on the seed, spread as they should, and leave norms at 1") {
  model_shape const shape{64, 128, 2, 4, 4, 100, 32};
  parameters<float> const w = random_model(shape, 1);
  CHECK(w.flat() == random_model(shape, 1).flat());
  CHECK(w.flat() != random_model(shape, 2).flat());
  CHECK((w(tensor::attention_norm, 1).array() == 1.0F).all());
  CHECK(std::sqrt(w(tensor::gate, 0).squaredNorm() / (128.0F * 64.0F)) == cppo_test::approx(1.0 / 8.0).epsilon(0.05));
  CHECK(std::sqrt(w(tensor::down, 0).squaredNorm() / (128.0F * 64.0F)) ==
        cppo_test::approx(0.5 / std::sqrt(128.0)).epsilon(0.05));
}

TEST_CASE("weights rounded to bfloat16 are near, and need no more than its bits") {
  parameters<float> const w = read_model(data + "/stories260K.bin");
  parameters<float> const rounded = rounded_to_bfloat16(w);
  CHECK(rounded_to_bfloat16(rounded).flat() == rounded.flat());
  CHECK(rounded.flat() != w.flat());
  for (std::size_t i = 0; i < w.flat().size(); ++i) {
    REQUIRE(std::abs(rounded.flat()[i] - w.flat()[i]) <= std::abs(w.flat()[i]) * 0x1p-8F);
  }
}
