#include "source/exe/command_line.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::exe {
namespace {

using ::testing::HasSubstr;

const Option kOptions[] = {{"config", 'c', "FILE", "The file.", true},
                           {"quiet", 'q', "", "Says less.", false}};

struct Outcome {
  std::optional<Arguments> arguments;
  std::string error;
};

Outcome parse(std::vector<std::string> words, const Operands& operands = {}) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  Outcome outcome;
  outcome.arguments = parseArguments({"run", kOptions, operands}, pointers, outcome.error);
  return outcome;
}

TEST(CommandLine, TakesEverySpelling) {
  const std::vector<std::vector<std::string>> spellings = {
      {"-c", "a b"}, {"--config", "a b"}, {"--config=a b"}, {"-q", "-c", "a b"}};
  for (const auto& words : spellings) {
    const Outcome outcome = parse(words);
    ASSERT_TRUE(outcome.arguments.has_value()) << outcome.error;
    EXPECT_EQ(outcome.arguments->get("config"), "a b");
    EXPECT_EQ(outcome.arguments->has("quiet"), words.size() == 3);
  }
}

TEST(CommandLine, SaysWhatIsWrongAndWhatWouldBeRight) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--confg", "x"},
       "unknown flag \"--confg\"; did you mean \"--config\"?; see weir run --help"},
      {{"-x"}, "unknown flag \"-x\""},
      {{"--c", "x"}, "unknown flag \"--c\""},
      {{"x"}, "unexpected argument \"x\""},
      {{"-c"}, "--config needs a value: --config FILE"},
      {{}, "--config is missing: weir run --config FILE"},
      {{"-c", ""}, "--config is missing"},
      {{"-c", "a", "-c", "b"}, "--config is given twice"},
      {{"-c", "a", "--quiet=1"}, "--quiet takes no value"},
  };
  for (const auto& [words, expected] : cases) {
    const Outcome outcome = parse(words);
    EXPECT_FALSE(outcome.arguments.has_value());
    EXPECT_THAT(outcome.error, HasSubstr(expected));
  }
}

TEST(CommandLine, HelpNeedsNothingElse) {
  const Outcome outcome = parse({"--help"});
  ASSERT_TRUE(outcome.arguments.has_value());
  EXPECT_TRUE(outcome.arguments->help);
  EXPECT_THAT(usage({"run", kOptions}, "Runs."), HasSubstr("Usage: weir run -c FILE [-q]"));
}

TEST(CommandLine, TakesOperands) {
  const Operands one{"FILE", "The file.", false};
  const Operands many{"FILE", "The files.", true};
  const Outcome single = parse({"a", "-c", "x"}, one);
  ASSERT_TRUE(single.arguments.has_value()) << single.error;
  EXPECT_EQ(single.arguments->operands, std::vector<std::string>{"a"});
  const Outcome several = parse({"-c", "x", "a", "--", "-b"}, many);
  ASSERT_TRUE(several.arguments.has_value()) << several.error;
  EXPECT_EQ(several.arguments->operands, (std::vector<std::string>{"a", "-b"}));
  EXPECT_THAT(parse({"-c", "x", "a", "b"}, one).error, HasSubstr("unexpected argument \"b\""));
  EXPECT_THAT(parse({"-c", "x"}, one).error, HasSubstr("FILE is missing: weir run FILE"));
  EXPECT_THAT(usage({"run", kOptions, many}, "Runs."),
              HasSubstr("Usage: weir run -c FILE [-q] FILE…"));
}

TEST(CommandLine, SomeOptionsMayComeSeveralTimes) {
  const Option options[] = {{"header", 'H', "FIELD", "A field.", false, /*many=*/true}};
  std::vector<std::string> words = {"-H", "a: 1", "--header=b: 2"};
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  std::string error;
  const auto arguments = parseArguments({"explain", options, {}}, pointers, error);
  ASSERT_TRUE(arguments.has_value()) << error;
  EXPECT_EQ(arguments->all("header"), (std::vector<std::string>{"a: 1", "b: 2"}));
  EXPECT_TRUE(arguments->has("header"));
  EXPECT_TRUE(arguments->all("other").empty());
}

}  // namespace
}  // namespace weir::exe
