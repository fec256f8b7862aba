#include "extensions/health_checkers/exec/verdict.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace weir::extensions::health_checkers::exec {
namespace {

using Verdict = upstream::ProbeResult::Verdict;

event::ProgramResult exited(int code, std::string out = {}, std::string err = {}) {
  return {.end = {.exit_code = code}, .out = std::move(out), .err = std::move(err)};
}

TEST(FirstLine, IsTheFirstThatIsNotBlank) {
  EXPECT_EQ(firstLine(""), "");
  EXPECT_EQ(firstLine(" \n\t\r\n "), "");
  EXPECT_EQ(firstLine("one"), "one");
  EXPECT_EQ(firstLine("one\ntwo\n"), "one");
  EXPECT_EQ(firstLine("\n\n  one two \r\nthree"), "one two");
}

TEST(FirstLine, IsPrintable) {
  EXPECT_EQ(firstLine(std::string("a\0b\033[31mc\x7f", 10)), "a?b?[31mc?");
  EXPECT_EQ(firstLine("gr\xc3\xbc\xc3\x9f"), "gr????");
  EXPECT_EQ(firstLine("a\tb"), "a?b");
}

TEST(FirstLine, IsBounded) {
  EXPECT_EQ(firstLine(std::string(200, 'x')), std::string(200, 'x'));
  EXPECT_EQ(firstLine(std::string(201, 'x')), std::string(197, 'x') + "...");
  EXPECT_EQ(firstLine(std::string(4096, '\xff')).size(), 200u);
}

TEST(ExecVerdict, ZeroIsHealthyWhateverItPrints) {
  const auto result = verdictOn(exited(0, "fine\n", "warning\n"), 3);
  EXPECT_EQ(result.verdict, Verdict::kHealthy);
  EXPECT_EQ(result.reason, "");
}

TEST(ExecVerdict, OtherExitCodesAreUnhealthyUnlessDegraded) {
  auto result = verdictOn(exited(2, "out\n", "err\nmore\n"), 3);
  EXPECT_EQ(result.verdict, Verdict::kUnhealthy);
  EXPECT_EQ(result.reason, "exit 2: err");
  EXPECT_EQ(verdictOn(exited(2, "out\n", "\n"), 3).reason, "exit 2: out");
  EXPECT_EQ(verdictOn(exited(255), 3).reason, "exit 255");
  result = verdictOn(exited(3, "", "lags 20 s"), 3);
  EXPECT_EQ(result.verdict, Verdict::kDegraded);
  EXPECT_EQ(result.reason, "exit 3: lags 20 s");
  EXPECT_EQ(verdictOn(exited(3), 0).verdict, Verdict::kUnhealthy);
}

TEST(ExecVerdict, ASignalIsUnhealthy) {
  event::ProgramResult ended{.end = {.signal = SIGSEGV}, .out = "half a", .err = ""};
  auto result = verdictOn(ended, 3);
  EXPECT_EQ(result.verdict, Verdict::kUnhealthy);
  EXPECT_EQ(result.reason, "killed by SIGSEGV: half a");
  ended = {.end = {.signal = SIGRTMIN + 3}};
  EXPECT_EQ(verdictOn(ended, 0).reason.substr(0, 17), "killed by signal ");
}

TEST(ExecVerdict, OurOwnTroubleSaysNothingOfTheEndpoint) {
  auto result = verdictOn({.started = absl::NotFoundError("/x: No such file or directory")}, 3);
  EXPECT_EQ(result.verdict, Verdict::kSkipped);
  EXPECT_EQ(result.reason, "cannot run /x: No such file or directory");
  result = verdictOn({.end = {.exit_code = event::ProgramEnd::kUnknown}}, 3);
  EXPECT_EQ(result.verdict, Verdict::kSkipped);
  EXPECT_EQ(result.reason, "its exit code is not known");
}

}  // namespace
}  // namespace weir::extensions::health_checkers::exec
