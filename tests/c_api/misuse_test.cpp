// Each wrong argument: its sentence, and that nothing is written.
#include "c_call.hpp"

#include "support/catch_compat.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>

namespace {

/// A call that is right, two responses of three tokens with Top-K lists, to be made wrong in one place.
struct right_call {
  static constexpr int slots = 6, k = 2;
  float pi[slots] = {-1, -2, -1, -3, -1, -2}, mu[slots] = {-1, -1, -2, -3, -2, -2};
  float advantage[slots] = {1, 1, 1, -1, -1, -1};
  std::int32_t id[slots] = {}, ids[slots * k] = {1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2};
  float list[slots * k] = {-1, -2, -1, -2, -1, -2, -1, -2, -1, -2, -1, -2};
  std::int32_t cuts[3] = {0, 3, 6};
  std::vector<unsigned char> memory = std::vector<unsigned char>(512, 0xAB);
  double report[CPPO_REPORT_ROOM] = {};
  cppo_prefix carries[2] = {};
  cppo_totals totals[2] = {};
  cppo_region region = cppo_test::region_of("fixed_cppo()");
  std::vector<cppo_lent> inputs, tensors;
  cppo_batch batch{};
  cppo_outputs outputs{};
  cppo_options options;
  // What the call is handed.
  cppo_batch const* b = &batch;
  cppo_region const* r = &region;
  cppo_outputs const* o = &outputs;

  right_call() {
    auto const of = [](int what, void* data, int dtype, std::int64_t columns = 3) {
      return cppo_lent{what, 0, {data, dtype, 2, {columns == 3 ? 2 : 6, columns}, {columns, 1}}};
    };
    inputs = {of(cppo_log_prob, pi, cppo_f32), of(cppo_rollout_log_prob, mu, cppo_f32),
              of(cppo_advantage, advantage, cppo_f32), of(cppo_token_id, id, cppo_i32),
              of(cppo_top_k_ids, ids, cppo_i32, k), of(cppo_top_k_log_probs, list, cppo_f32, k),
              of(cppo_top_k_rollout_log_probs, list, cppo_f32, k)};
    tensors = {of(cppo_out_gradient, memory.data(), cppo_f32), of(cppo_out_mask, memory.data() + 64, cppo_u8),
               of(cppo_out_excess, memory.data() + 128, cppo_f64)};
    batch.size = sizeof batch;
    batch.responses = 2;
    batch.width = 3;
    batch.top_k = k;
    outputs.size = sizeof outputs;
    outputs.report = report;
    for (double& x : report) x = 77.0;
    cppo_options_init(&options);
  }
  right_call(right_call const&) = delete;
  right_call& operator=(right_call const&) = delete;

  void pack() {
    batch.cu_seqlens = {cuts, cppo_i32, 1, {3, 0}, {1, 0}};
    for (auto* v : {&inputs, &tensors}) {
      for (cppo_lent& l : *v) {
        bool const of_list = l.id >= cppo_top_k_ids && l.id < cppo_out_loss;
        if (!of_list) l.tensor.rank = 1, l.tensor.shape[0] = 6, l.tensor.stride[0] = 1;
      }
    }
  }
  std::int32_t call(cppo_status* s) {
    batch.inputs = inputs.data();
    batch.input_count = batch.input_count != 0 ? batch.input_count : static_cast<std::int64_t>(inputs.size());
    outputs.tensors = tensors.data();
    outputs.tensor_count = outputs.tensor_count != 0 ? outputs.tensor_count : static_cast<std::int64_t>(tensors.size());
    return cppo_policy_loss(b, r, o, &options, s);
  }
  bool wrote_nothing() const {
    bool nothing = memory == std::vector<unsigned char>(512, 0xAB);
    for (double const x : report) nothing = nothing && x == 77.0;
    return nothing;
  }
};

struct mistake {
  std::function<void(right_call&)> make;
  char const* sentence;  ///< a part of it
};
void check(std::vector<mistake> const& mistakes) {
  for (mistake const& m : mistakes) {
    auto const c = std::make_unique<right_call>();
    m.make(*c);
    cppo_status s;
    INFO("expected: " << m.sentence);
    CHECK(c->call(&s) >= 96);
    std::string const message = s.message;
    CAPTURE(message);
    CHECK(message.find(m.sentence) != std::string::npos);
    CHECK(s.code >= 96);
    CHECK(c->wrote_nothing());
    CHECK(c->call(nullptr) == s.code);
  }
}
cppo_tensor& tensor(right_call& c, std::size_t i) { return c.inputs[i].tensor; }

}  // namespace

TEST_CASE("the call that is to be made wrong is right, padded and packed") {
  for (bool const packed : {false, true}) {
    auto const c = std::make_unique<right_call>();
    if (packed) c->pack();
    cppo_status s;
    CHECK(c->call(&s) == 0);
    CHECK(std::string(s.message) == "");
    CHECK((s.response == -1 && s.token == -1 && s.where == 0));
    CHECK(!c->wrote_nothing());
    CHECK(c->call(nullptr) == 0);
  }
}

TEST_CASE("null pointers and sizes are named") {
  check({{[](auto& c) { c.b = nullptr; }, "batch is null"},
         {[](auto& c) { c.r = nullptr; }, "region is null"},
         {[](auto& c) { c.o = nullptr; }, "outputs is null"},
         {[](auto& c) { c.batch.size = 8; }, "batch->size is 8, but must be the size of the structure"},
         {[](auto& c) { c.batch.size = sizeof(cppo_batch) - 1; }, "batch->size is "},
         {[](auto& c) { c.outputs.size = 0; }, "outputs->size is 0"},
         {[](auto& c) { c.options.size = offsetof(cppo_options, folds) - 8; }, "options->size is "},
         {[](auto& c) { c.options.size = UINT64_MAX; }, "options->size is "},
         {[](auto& c) { double& x = c.region.opaque[3]; x = x == 0.0; },
          "region was not made by cppo_region_parse"},
         {[](auto& c) { std::memset(&c.region, 0, sizeof c.region); }, "region was not made by cppo_region_parse"},
         {[](auto& c) { tensor(c, 0).data = nullptr; }, "log_prob is null"},
         {[](auto& c) { c.tensors[1].tensor.data = nullptr; }, "mask is null"}});
}

TEST_CASE("a structure of a newer caller is taken if what is not known is 0") {
  auto const c = std::make_unique<right_call>();
  struct newer { cppo_options known; std::int64_t more; } options{c->options, 0};
  cppo_status s;
  REQUIRE(c->call(&s) == 0);
  options.known.size = sizeof options;
  CHECK(cppo_policy_loss(c->b, c->r, c->o, &options.known, &s) == 0);
  options.more = 1;
  CHECK(cppo_policy_loss(c->b, c->r, c->o, &options.known, &s) == cppo_bad_argument);
  CHECK(std::string(s.message).find("a member is set which this library does not know") != std::string::npos);
  CHECK(cppo_policy_loss(c->b, c->r, c->o, nullptr, &s) == 0);
}

TEST_CASE("a structure of an older caller is read no further than its size") {
  auto const c = std::make_unique<right_call>();
  c->options.size = offsetof(cppo_options, folds);
  c->options.folds = reinterpret_cast<std::int64_t const*>(c->pi);
  c->options.fold_words = 77;
  cppo_status s;
  CHECK(c->call(&s) == 0);
  c->options.size = sizeof(cppo_options);
  CHECK(c->call(&s) == cppo_bad_argument);
}

TEST_CASE("defaults are written into a structure of any size, and no further") {
  cppo_options whole;
  cppo_options_init(&whole);
  for (std::size_t size = 0; size <= sizeof(cppo_options) + 24; size += 4) {
    alignas(cppo_options) unsigned char memory[sizeof(cppo_options) + 32];
    std::memset(memory, 0x5a, sizeof memory);
    cppo_options_init_sized(reinterpret_cast<cppo_options*>(memory), size);
    cppo_options wanted = whole;
    wanted.size = size;
    INFO(size);
    CHECK(std::memcmp(memory, &wanted, std::min(size, sizeof wanted)) == 0);
    for (std::size_t i = sizeof wanted; i < size; ++i) CHECK(memory[i] == 0);
    for (std::size_t i = size; i < sizeof memory; ++i) CHECK(memory[i] == 0x5a);
  }
  cppo_options_init_sized(nullptr, 8);
}

TEST_CASE("ids, dtypes and shapes that are none are named") {
  check({{[](auto& c) { c.inputs[0].id = 63; }, "an input has id 63, which is none"},
         {[](auto& c) { c.inputs[0].id = -1; }, "an input has id -1"},
         {[](auto& c) { c.tensors[0].id = 1; }, "an output has id 1, which is none"},
         {[](auto& c) { tensor(c, 1).dtype = 13; }, "rollout_log_prob has dtype 13, which is none"},
         {[](auto& c) { tensor(c, 2).dtype = -2; }, "advantage has dtype -2"},
         {[](auto& c) { c.tensors[2].tensor.dtype = 99; }, "excess has dtype 99"},
         {[](auto& c) { tensor(c, 0).dtype = cppo_i32; }, "log_prob is of i32, but must be f32, f64, f16 or bf16"},
         {[](auto& c) { tensor(c, 3).dtype = cppo_f32; }, "token_id is of f32, but must be an integer"},
         {[](auto& c) { tensor(c, 4).dtype = cppo_bool; }, "top_k_ids is of bool"},
         {[](auto& c) { c.tensors[0].tensor.dtype = cppo_i64; }, "gradient has elements of the wrong type"},
         {[](auto& c) { tensor(c, 0).rank = 3; }, "log_prob has rank 3, but must have 1 or 2"},
         {[](auto& c) { tensor(c, 0).rank = 0; }, "log_prob has rank 0"},
         {[](auto& c) { tensor(c, 0).shape[1] = -3; }, "log_prob has extent -3"},
         {[](auto& c) { tensor(c, 0).shape[1] = 4; }, "log_prob has 4 columns, but must have 3"},
         {[](auto& c) { tensor(c, 5).shape[1] = 3; }, "has 3 columns, but must have 2"},
         {[](auto& c) { tensor(c, 0).stride[0] = INT64_MIN; }, "every element within 2^59"},
         {[](auto& c) { tensor(c, 0).stride[1] = 0; }, "log_prob must have an element of its own for each token"},
         {[](auto& c) { tensor(c, 0).data = reinterpret_cast<char*>(c.pi) + 1; }, "log_prob begins at an address"},
         {[](auto& c) { c.inputs[0].per_response = 2; }, "log_prob has per_response 2"},
         {[](auto& c) { c.inputs[0].per_response = 1; }, "log_prob must have an element of its own for each token"},
         {[](auto& c) { c.inputs[4].per_response = 1; }, "top_k_ids has per_response 1"},
         {[](auto& c) { c.tensors[1].per_response = 1; }, "mask has per_response 1"}});
}

TEST_CASE("what is missing, or lent twice, is named") {
  check({{[](auto& c) { c.inputs.erase(c.inputs.begin()); }, "log_prob was not lent: every call needs it"},
         {[](auto& c) { c.inputs.erase(c.inputs.begin() + 2); }, "advantage was not lent"},
         {[](auto& c) { c.inputs.pop_back(); }, "top_k_rollout_log_probs was not lent: lend top_k and"},
         {[](auto& c) { c.batch.top_k = 0; }, "top_k(k, ...) is 0, but must be 1 or more"},
         {[](auto& c) { c.batch.top_k = -4; }, "top_k(k, ...) is -4"},
         {[](auto& c) { c.inputs.resize(4); }, "top_k_ids was not lent"},
         {[](auto& c) { c.inputs.push_back(c.inputs[0]); }, "log_prob is lent twice"},
         {[](auto& c) { c.tensors.push_back(c.tensors[0]); }, "gradient is lent twice"},
         {[](auto& c) { c.region = cppo_test::region_of("dppo(divergence = precomputed)"); }, "divergence_values"},
         {[](auto& c) { c.batch.input_count = -1; }, "batch->input_count is -1"},
         {[](auto& c) { c.outputs.tensor_count = 65; }, "outputs->tensor_count is 65"}});
}

TEST_CASE("layouts that are none are named") {
  check({{[](auto& c) { c.batch.responses = -1; }, "padded(responses, ...) is -1"},
         {[](auto& c) { c.batch.width = -1; }, "padded(..., width) is -1"},
         {[](auto& c) { c.batch.capacity = 6; }, "capacity is 6, but must be 0 without cu_seqlens"},
         {[](auto& c) { c.pack(), c.batch.cu_seqlens.dtype = cppo_i16; }, "cu_seqlens is of i16, but must be"},
         {[](auto& c) { c.pack(), c.batch.cu_seqlens.dtype = 77; }, "cu_seqlens has dtype 77"},
         {[](auto& c) { c.pack(), c.batch.cu_seqlens.shape[0] = 2; }, "cu_seqlens must have rank 1, stride 1 and 2"},
         {[](auto& c) { c.pack(), c.batch.cu_seqlens.stride[0] = 2; }, "cu_seqlens must have rank 1"},
         {[](auto& c) { c.pack(), c.batch.responses = INT64_MIN; }, "cu_seqlens must have rank 1"},
         {[](auto& c) { c.pack(), c.cuts[1] = 7; }, "cu_seqlens goes from 7 to 6"},
         {[](auto& c) { c.pack(), c.batch.capacity = -1; }, "with_capacity(n) is -1"},
         {[](auto& c) { c.pack(), c.batch.capacity = 5; }, "cu_seqlens is 6 after response 1, but there are 5 slots"}});
}

TEST_CASE("options that are none are named") {
  check({{[](auto& c) { c.options.aggregate = 5; }, "option aggregate is 5, but must be from cppo_token_sum (0)"},
         {[](auto& c) { c.options.bad_input = -1; }, "option bad_input is -1"},
         {[](auto& c) { c.options.positions = 3; }, "option positions is 3"},
         {[](auto& c) { c.options.surrogate = 256; }, "option surrogate is 256"},
         {[](auto& c) { c.options.executor = 2; }, "option executor is 2"},
         {[](auto& c) { c.options.threads = -1; }, "option threads is -1"},
         {[](auto& c) { c.options.threads = 5000; }, "option threads is 5000"},
         {[](auto& c) { c.options.entropy_bonus = 0.1; }, "option entropy_bonus is of cppo_policy_loss_from_logits"},
         {[](auto& c) { c.options.normalizer = -1; }, "option normalizer is -1"},
         {[](auto& c) { c.options.log_prob_floor = 0; }, "option log_prob_floor is 0"},
         {[](auto& c) { c.options.carries = c.carries; }, "totals has 0 entries, but must have 2"},
         {[](auto& c) { c.totals[1].words[0] = -1, c.options.totals = c.totals; }, "piece 1"}});
}

TEST_CASE("outputs that share memory are named") {
  check({{[](auto& c) { c.tensors[0].tensor.data = c.pi; }, "gradient shares memory with log_prob"},
         {[](auto& c) { c.tensors[2].tensor.data = c.tensors[0].tensor.data; }, "shares memory with"},
         {[](auto& c) { c.tensors[2].tensor.data = c.report; }, "excess shares memory with report"},
         {[](auto& c) { c.options.totals = c.totals, c.tensors[2].tensor.data = c.totals; },
          "excess shares memory with totals"},
         {[](auto& c) { c.options.carries = c.carries, c.tensors[2].tensor.data = c.carries; },
          "excess shares memory with carries"},
         {[](auto& c) {
            c.options.totals = c.totals;
            c.outputs.report = reinterpret_cast<double*>(&c.totals[1]);
          }, "report shares memory with totals"},
         {[](auto& c) { tensor(c, 0).data = c.report, tensor(c, 0).dtype = cppo_f64; },
          "report shares memory with log_prob"},
         {[](auto& c) { c.pack(), c.batch.cu_seqlens.data = c.report + 1; }, "report shares memory with cu_seqlens"}});
}

TEST_CASE("a text that is no region says where, and leaves the region alone") {
  cppo_region region;
  std::memset(&region, 0x11, sizeof region);
  cppo_region const before = region;
  cppo_status s;
  auto const says = [&s](char const* words) { return std::string(s.message).find(words) != std::string::npos; };
  CHECK(cppo_region_parse("fixed_cppo(delta = )", nullptr, 0, &region, &s) == cppo_bad_text);
  CHECK(std::string(s.message) == std::string(cppo::parse_region("fixed_cppo(delta = )").error));
  CHECK(cppo_region_parse("fixed_cppo($0)", nullptr, 0, &region, &s) == cppo_bad_text);
  CHECK(cppo_region_parse(nullptr, nullptr, 0, &region, &s) == cppo_bad_argument);
  CHECK(says("text is null"));
  CHECK(cppo_region_parse("ppo()", nullptr, 0, nullptr, &s) == cppo_bad_argument);
  CHECK(says("region is null"));
  CHECK(cppo_region_parse("ppo()", nullptr, 1, &region, &s) == cppo_bad_argument);
  CHECK(says("numbers is null"));
  double const number = 1.0;
  CHECK(cppo_region_parse("ppo()", &number, -1, &region, nullptr) == cppo_bad_argument);
  CHECK(std::memcmp(&region, &before, sizeof region) == 0);
  CHECK(cppo_region_text(&region, nullptr, 0) == -1);
  CHECK(cppo_region_text(nullptr, nullptr, 0) == -1);
  CHECK(cppo_region_reads(&region) == 0);
}
