// The tokenizer and the story task.
#include "support/catch_compat.hpp"
#include "input_error.hpp"
#include "story_task.hpp"

using namespace trainer;

namespace {

std::string const data = CPPO_EXAMPLE_DATA;

}  // namespace

TEST_CASE("texts become the ids that the model was trained on, and come back") {
  tokenizer const words(data + "/tok512.bin");
  CHECK(words.size() == 512);
  CHECK(words.ids("Once upon a time") == std::vector<std::int32_t>{403, 407, 261, 378});
  for (std::string const text : {"Once upon a time, there was a little girl named Lily.", "", "x", "  two  spaces ",
                                 "\"Hello!\" said Tom's mom.\nThe end.", "caf\u00e9 \u4f60 \U0001F600"}) {
    CHECK(words.text(words.ids(text)) == text);
  }
  // What has no piece of its own is spelled in bytes.
  std::vector<std::int32_t> const foreign = words.ids("\u4f60");
  CHECK(foreign == std::vector<std::int32_t>{words.ids("").front(), 3 + 0xe4, 3 + 0xbd, 3 + 0xa0});
}

TEST_CASE("tokens have a text, known or not") {
  tokenizer const words(data + "/tok512.bin");
  CHECK(words.text(13) == "\n");
  CHECK(words.text(tokenizer::story_token).empty());
  CHECK(words.text(512) == "#512");
  CHECK(words.text(-1) == "#-1");
  CHECK(tokenizer().text(7) == "#7");
  CHECK_THROWS_AS(tokenizer(data + "/nowhere.bin"), input_error);
  CHECK_THROWS_AS(tokenizer(data + "/stories260K.bin"), input_error);
}

TEST_CASE("a story succeeds if it names somebody, stays with them and does not repeat itself") {
  std::string const good = "There was a girl named Lily. Lily ran. Then Lily's mom saw Lily.";
  story_verdict const v = verdict_on(good);
  CHECK(v.name == "Lily");
  CHECK(v.mentions == 4);
  CHECK_FALSE(v.repeats);
  CHECK(v.success);
  CHECK_FALSE(verdict_on("There was a girl named Lily. Lily ran. Then Lily's mom saw her.").success);  // three mentions
  CHECK(verdict_on("A girl. Lily Lily, Lily; Lily").name.empty());                // nobody is named
  CHECK(verdict_on("a dog named it. It It It It").name.empty());      // not a name
  CHECK(verdict_on("it was named").name.empty());                     // the story ends first
  CHECK(verdict_on(good + " Lilyan").mentions == 4);                  // another word
  CHECK_FALSE(verdict_on(good + " there was A day").success);         // "there was a" again, whatever the case
  CHECK(verdict_on(good + " there was a").repeats);
  CHECK_FALSE(verdict_on(good + " there was one").repeats);
  CHECK(verdict_on("named Tim Tim Tim Tim").repeats);                 // collapse onto the name is a repetition
  CHECK_FALSE(verdict_on("").success);
}

TEST_CASE("a story must consist of words, if it is known what words are") {
  std::set<std::string> const dictionary = words_in({"There was a girl named", "and RAN saw mom's then"});
  CHECK(dictionary.count("ran") == 1);
  CHECK(dictionary.count("mom's") == 1);
  std::string const good = "There was a girl named Lily. Lily ran. Then Lily saw Lily.";
  CHECK(verdict_on(good, dictionary).known == 1.0);  // the name is a word, whoever it is
  CHECK(verdict_on(good, dictionary).success);
  CHECK(verdict_on(good + " Lily's", dictionary).known == 1.0);
  CHECK(verdict_on(good + " girl's ran", dictionary).known == 1.0);
  // Two of 14 are none: 12/14 is above 85 %, 12/15 is not.
  CHECK(verdict_on(good + " xx yy", dictionary).success);
  CHECK(verdict_on(good + " xx yy zz", dictionary).known == cppo_test::approx(12.0 / 15.0));
  CHECK_FALSE(verdict_on(good + " xx yy zz", dictionary).success);
  CHECK(verdict_on("", dictionary).known == 1.0);
}

TEST_CASE("the story task asks for stories that the tokenizer can read") {
  tokenizer const words(data + "/tok512.bin");
  task const t = story_task(words, 40, words_in({"a little girl named and ran saw once upon time there was"}));
  CHECK(t.prompts.size() == 4);
  CHECK(t.tokens == 40);
  for (auto const& prompt : t.prompts) CHECK(prompt.front() == tokenizer::story_token);
  auto const& prompt = t.prompts[0];
  CHECK(words.text(prompt) == "Once upon a time, there was a little");
  CHECK(t.reward(prompt, words.ids("girl named Sue. Sue saw Sue, and Sue ran.")) == 1.0);
  CHECK(t.reward(prompt, words.ids("girl named Sue. Sue xx Sue, zz yy Sue ww.")) == 0.0);
  CHECK(t.reward(prompt, words.ids("girl named Sue. Sue saw Sue, and ran.")) == 0.0);
}
