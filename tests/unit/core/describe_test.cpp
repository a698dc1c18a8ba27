// A status as one sentence: every code and argument, the widest numbers, and what the text may be used as.
#include "support/catch_compat.hpp"

#include <cppo/core/describe.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace cppo;

std::string text(status const& s) { return std::string(describe(s)); }
void says(std::string const& said, std::string const& words) { CHECK_THAT(said, cppo_test::contains(words)); }

// Every code that has a sentence, and every argument.
std::vector<status_code> all_codes() {
  std::vector<status_code> codes;
  for (int c = 0; c < 256; ++c) {
    auto const code = static_cast<status_code>(c);
    if (std::string_view(sentence(code)) != "unknown status") codes.push_back(code);
  }
  return codes;
}
std::vector<argument> all_arguments() {
  std::vector<argument> arguments;
  for (int a = 0; a <= static_cast<int>(argument::logits); ++a) arguments.push_back(static_cast<argument>(a));
  return arguments;
}

// As long as a status of the library can be.
status widest(status_code code, argument where, bool numbers) {
  constexpr index_t least = std::numeric_limits<index_t>::min();
  status s{code, where, least, least, least};
  s.response = s.token = s.wanted = std::numeric_limits<index_t>::max();
  s.count = std::numeric_limits<index_t>::max();
  s.has_value = numbers;
  s.value = -1.7976931348623157e-308;
  return s;
}

static_assert(std::is_trivially_copyable_v<status_text> && std::is_trivially_copyable_v<status>);
static_assert(noexcept(describe(status{})) && !std::is_convertible_v<status_text, bool>);

}  // namespace

TEST_CASE("F40: the sentence of a token names argument, place, number, count and remedy", "[core]") {
  status s{status_code::rollout_log_prob_invalid, argument::rollout_log_prob, 3, 117, 4};
  s.has_value = true;
  s.value = std::numeric_limits<double>::quiet_NaN();
  CHECK(text(s) == "rollout_log_prob at response 3, token 117 is nan (first of 4 bad tokens), but must be finite and "
                   "at most 0 (plus log_prob_tolerance) where response_mask is 1: mask the token, or recompute it with "
                   "the weights that sampled it");
  s.count = 1;
  s.value = -std::numeric_limits<double>::infinity();
  says(text(s), "token 117 is -inf, but must");
  s.has_value = false;
  says(text(s), "token 117 must be finite");
  s.code = status_code::bad_input_excluded;
  CHECK(text(s) == "rollout_log_prob at response 3, token 117: tokens with bad input were left out as if their "
                   "response_mask were 0: mask or recompute them");
}

TEST_CASE("F40: a positive log-prob is told of log_prob_tolerance, by message() too", "[core]") {
  for (auto const& [code, where] : {std::pair{status_code::log_prob_invalid, argument::log_prob},
                                    std::pair{status_code::rollout_log_prob_invalid, argument::rollout_log_prob}}) {
    says(std::string(sentence(code)), "log_prob_tolerance");
    status s{code, where, 0, 2, 1};
    s.has_value = true;
    s.value = 1e-6;
    CHECK(text(s) == std::string(name(where)) + " at response 0, token 2 is 1e-06, but must be at most 0 (plus "
                     "log_prob_tolerance): lend log-probs, not probabilities; if rounding made it positive, raise "
                     "log_prob_tolerance");
    s.value = std::numeric_limits<double>::infinity();
    says(text(s), "is inf, but must be finite");
  }
}

TEST_CASE("F40: numbers are printed by the fewest digits that give them back", "[core]") {
  auto const number = [](double x) {
    status_text t;
    t.append(x);
    return std::string(t);
  };
  CHECK(number(static_cast<double>(0.1F)) == "0.1");
  CHECK(number(0.1) == "0.1");
  CHECK(number(static_cast<double>(0.1F) + 1e-12) != "0.1");
  CHECK(number(1.5) == "1.5");
  CHECK(number(-9999) == "-9999");
  CHECK(number(-0.0) == "-0");
  CHECK(number(1e300) == "1e+300");
  CHECK(number(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(number(std::copysign(std::numeric_limits<double>::quiet_NaN(), -1.0)) == "nan");
  for (double const x : {0.15, 1.0 / 3.0, 4.9e-324, 1.7976931348623157e308, 123456789.125}) {
    CHECK(std::strtod(number(x).c_str(), nullptr) == x);
  }
}

TEST_CASE("F40: every code and argument has a whole sentence up to the remedy, however wide its numbers", "[core]") {
  std::size_t longest = 0;
  for (status_code const code : all_codes()) {
    std::string const words = sentence(code);
    std::string const remedy = words.substr(std::min(words.rfind(": "), words.size()));
    for (argument const where : all_arguments()) {
      for (bool const numbers : {true, false}) {
        status s = widest(code, where, numbers);
        std::string const all = text(s);
        longest = std::max(longest, all.size());
        INFO(all);
        CHECK(all.size() < status_text::capacity);
        CHECK(all.find("  ") == std::string::npos);
        CHECK(all.find("but must must") == std::string::npos);
        if (code == status_code::bad_parameter) continue;  // the ranges of each: reliability_words_test.cpp
        bool const suffix = code == status_code::device_error;
        CHECK((all.ends_with(remedy) || suffix || all.ends_with("raise log_prob_tolerance")));
        if (where != argument::none && code < status_code::null_buffer) says(all, "9223372036854775807");
      }
    }
  }
  CHECK(longest < 350);  // what a name and a range of the library may add
}

TEST_CASE("F40: a sentence has one remedy, and begins with the argument that it is about", "[core]") {
  for (status_code const code : all_codes()) {
    std::string const words = sentence(code);
    INFO(words);
    if (code >= status_code::log_prob_invalid) CHECK(words.find(": ") != std::string::npos);
    CHECK(words.find(": ") == words.rfind(": "));
    std::string const must = " must ";
    if (words.find(must) == std::string::npos) continue;
    std::string const subject = words.substr(0, words.find(must));
    bool const known = subject == "the buffer" || subject == "carries and totals" || subject == "pieces" ||
                       subject == "states";
    auto const arguments = all_arguments();
    CHECK((known || std::any_of(arguments.begin(), arguments.end(), [&](argument a) { return subject == name(a); })));
  }
}

TEST_CASE("F40: extents, offsets, horizons, overlaps, pieces and workspaces are told in numbers", "[core]") {
  status const long_one{.code = status_code::horizon_too_short, .where = argument::options, .response = 3,
                        .has_value = true, .value = 12, .wanted = 8};
  status const piece{.code = status_code::carry_mismatch, .where = argument::carry, .response = 5, .has_value = true,
                     .value = 4, .wanted = 2};
  says(text(detail::wrong_extent(argument::loss, "elements", 11, 12)), "loss has 11 elements, but must have 12: use");
  CHECK_THAT(text(detail::wrong_shape(argument::trace, "an element of its own for each slot", "trace.excess")),
             cppo_test::contains("trace.excess must have an element of its own for each slot: use"));
  says(text(detail::wrong_offset(1, 4, 3)), "cu_seqlens goes from 4 to 3 at response 1, but must begin at");
  says(text(detail::wrong_offset(0, -1, -7)), "cu_seqlens at response 0 is -7, but must begin at");
  says(text(detail::shared_memory(argument::gradient, argument::loss)), "gradient shares memory with loss: lend");
  CHECK_THAT(text(long_one),
             cppo_test::contains("response 3 has 12 valid tokens, but horizon is 8: raise horizon"));
  CHECK_THAT(text(piece),
             cppo_test::contains("piece 5 has 4 valid tokens, but carries and totals leave room for 2: pass"));
  says(text({status_code::carry_mismatch, argument::carry, 5}), "piece 5: carries and totals must");
  says(text({status_code::piece_rejected, argument::carry, 2, -1, 3}), "piece 2 (first of 3 pieces): another piece");
  says(text({status_code::workspace_too_small, argument::none, -1, -1, 4096}), "a workspace of 4096 bytes: lend");
  says(text({status_code::workspace_too_small}), "the executor has no workspace: lend");
  CHECK_THAT(text({status_code::bad_pieces, argument::response_of, 4, -1, 1}),
             cppo_test::contains("response_of at piece 4 numbers the pieces wrongly: pass"));
  says(text({status_code::bad_tensor, argument::tensor}), "tensor must have one or two dimensions");
  says(text({status_code::not_host_memory, argument::tensor}), "tensor lies on a device: pass");
  says(text({status_code::device_error, argument::none, -1, -1, 2}), "(cudaError_t 2)");
  says(text({status_code::missing_input, argument::token_id}), "token_id is read by the region, but was not lent");
  says(text({status_code::null_buffer, argument::offsets}), "cu_seqlens is null");
  CHECK(text({}) == "ok");
  CHECK(text({static_cast<status_code>(200), static_cast<argument>(77)}) == ": unknown status");
}

TEST_CASE("F40: a part of one's own names its parameter, or is called a part of one's own", "[core]") {
  auto const s = [](parameter_check const& p) { return text(detail::out_of_range(argument::region, p)); };
  CHECK(s({false, "my_weight(rate)", -2.0, "in [0, 1]: 0 is uniform"}) ==
        "my_weight(rate) is -2, but must be in [0, 1]: 0 is uniform");
  says(s(false), "a part of your own is outside its range");
  std::string const endless(1000, 'x');
  std::string const cut = s({false, "my_weight(rate)", -2.0, endless.c_str()});
  CHECK(cut.size() == status_text::capacity);
  CHECK(cut.ends_with("xxx..."));
}

TEST_CASE("F40: the text may be printed, streamed and copied", "[core]") {
  status_text const t = describe({status_code::arithmetic_relaxed});
  status_text const copy = t;
  CHECK(std::string(copy.c_str()) == sentence(status_code::arithmetic_relaxed));
  char printed[status_text::capacity + 1];
  std::snprintf(printed, sizeof printed, "%s", t.c_str());
  CHECK(std::string_view(printed) == std::string_view(t));
  std::ostringstream out;
  out << t << '!';
  CHECK(out.str() == std::string(printed) + "!");
}
