#include "source/base/log.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::base::log {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  ~LogTest() override {
    stop();
    setLevel("", Level::kInfo);
  }
  static std::string contentsOf(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  const std::string path_ = testing::TempDir() + "/" +
                            testing::UnitTest::GetInstance()->current_test_info()->name() + ".log";
};

TEST_F(LogTest, WritesALineAndEscapes) {
  ASSERT_TRUE(start({.file = path_}).ok());
  info("listener", "bound to ", 8080, "\nforged \\ \x1b[0m\x7f");
  EXPECT_THAT(contentsOf(path_),
              MatchesRegex("[0-9-]+T[0-9:.]+Z info listener: bound to 8080\\\\nforged "
                           "\\\\\\\\ \\\\x1b\\[0m\\\\x7f\n"));
}

TEST_F(LogTest, LevelsPerArea) {
  ASSERT_TRUE(start({.file = path_}).ok());
  debug("a", "hidden");
  setLevel("a", Level::kDebug);
  debug("a", "shown");
  debug("b", "hidden");
  setLevel("b", Level::kOff);
  error("b", "hidden");
  EXPECT_EQ(level("a"), Level::kDebug);
  EXPECT_EQ(level("c"), Level::kInfo);
  EXPECT_EQ(levels().size(), 3u);
  setLevel("", Level::kWarning);
  EXPECT_EQ(levels().size(), 1u);
  info("a", "hidden");
  warning("b", "also shown");
  const std::string text = contentsOf(path_);
  EXPECT_THAT(text, HasSubstr("debug a: shown"));
  EXPECT_THAT(text, HasSubstr("warning b: also shown"));
  EXPECT_THAT(text, Not(HasSubstr("hidden")));
}

TEST_F(LogTest, AsyncLinesAreThereAfterStop) {
  ASSERT_TRUE(start({.file = path_, .async = true}).ok());
  for (int i = 0; i < 500; ++i) info("x", "line ", i);
  stop();
  EXPECT_THAT(contentsOf(path_), HasSubstr("line 499\n"));
}

TEST_F(LogTest, ReopensAfterRotation) {
  ASSERT_TRUE(start({.file = path_}).ok());
  info("x", "before");
  const std::string rotated = path_ + ".1";
  ASSERT_EQ(std::rename(path_.c_str(), rotated.c_str()), 0);
  info("x", "still before");
  ASSERT_TRUE(reopen().ok());
  info("x", "after");
  EXPECT_THAT(contentsOf(rotated), HasSubstr("still before"));
  EXPECT_THAT(contentsOf(path_), HasSubstr("after"));
  EXPECT_THAT(contentsOf(path_), Not(HasSubstr("before")));
}

TEST_F(LogTest, AnUnwritableFileIsAnError) {
  const absl::Status status = start({.file = "/no/such/folder/log"});
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/folder/log"));
}

TEST(LogLevel, Parses) {
  EXPECT_EQ(parseLevel("WARNING"), Level::kWarning);
  EXPECT_EQ(parseLevel("loud"), std::nullopt);
  EXPECT_EQ(levelName(Level::kOff), "off");
}

TEST(LogLimiter, LetsOneThroughPerInterval) {
  LogLimiter limiter(std::chrono::milliseconds(100));
  const std::chrono::steady_clock::time_point begin{std::chrono::hours(1)};
  EXPECT_EQ(limiter.admit(begin), 0u);
  EXPECT_EQ(limiter.admit(begin + std::chrono::milliseconds(50)), std::nullopt);
  EXPECT_EQ(limiter.admit(begin + std::chrono::milliseconds(99)), std::nullopt);
  EXPECT_EQ(limiter.admit(begin + std::chrono::milliseconds(100)), 2u);
}

}  // namespace
}  // namespace weir::base::log
