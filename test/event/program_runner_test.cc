#include "source/event/program_runner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <sstream>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/event/uv_dispatcher.h"
#include "test/support/child_process.h"
#include "test/support/own_processes.h"

namespace weir::event {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Remembers what becomes of one program. The hooks run after the remembering.
struct Wanted final : ProgramListener {
  void onProgramBegun() override {
    begun = true;
    if (on_begun) on_begun();
  }
  void onProgramEnded(const ProgramResult& ended) override {
    EXPECT_FALSE(result.has_value());
    result = ended;
    if (on_ended) on_ended();
  }
  bool begun = false;
  std::optional<ProgramResult> result;
  std::function<void()> on_begun;
  std::function<void()> on_ended;
  std::unique_ptr<ProgramRunner::Run> run;
};

Program shell(const std::string& script) {
  return {.path = "/bin/sh",
          .arguments = {"sh", "-c", script},
          .environment = {"PATH=/usr/local/bin:/usr/bin:/bin"}};
}

class ProgramRunnerTest : public testing::Test {
 protected:
  ~ProgramRunnerTest() override {
    runner_.reset();
    expectNoneLeft();
  }
  void open(uint32_t most) {
    runner_ = std::make_unique<ProgramRunner>(*dispatcher_, *tasks_, most);
  }
  // Without a runner, what the pool was about to start is killed as well.
  void expectNoneLeft() {
    tasks_.reset();
    EXPECT_TRUE(until([] { return test::childrenOfThis().empty(); }));
  }
  // Runs the loop until it is so; false after ten seconds.
  bool until(const std::function<bool()>& done) {
    const MonotonicTime limit = dispatcher_->preciseNow() + std::chrono::seconds(10);
    bool is_so = false;
    const auto look = dispatcher_->createTimer([&] {
      is_so = done();
      if (is_so || dispatcher_->preciseNow() > limit) return dispatcher_->stop();
      look_->start(milliseconds(1));
    });
    look_ = look.get();
    look_->start(milliseconds(0));
    dispatcher_->run();
    return is_so;
  }
  void start(Wanted& wanted, Program program) {
    if (runner_ == nullptr) open(8);
    wanted.run = runner_->run(std::move(program), wanted);
    EXPECT_FALSE(wanted.result.has_value()) << "not from inside";
  }
  ProgramResult resultOf(Program program) {
    Wanted wanted;
    start(wanted, std::move(program));
    EXPECT_FALSE(wanted.run->begun());
    EXPECT_TRUE(until([&] { return wanted.result.has_value(); }));
    EXPECT_EQ(wanted.begun, wanted.result->started.ok());
    EXPECT_TRUE(wanted.run->begun());
    return wanted.result.value_or(ProgramResult{});
  }
  bool allGone() {
    return until([this] { return runner_->running() == 0; });
  }
  std::string contentOf(const std::string& name) { return test::readFile(folder_.file(name)); }
  pid_t pidIn(const std::string& name) {
    EXPECT_TRUE(until([&] { return contentOf(name).ends_with('\n'); }));
    return static_cast<pid_t>(std::atoi(contentOf(name).c_str()));
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<UvDispatcher> dispatcher_ = *UvDispatcher::create();
  Timer* look_ = nullptr;
  std::unique_ptr<base::TaskPool> tasks_ = std::make_unique<base::TaskPool>(2);
  std::unique_ptr<ProgramRunner> runner_;
};

TEST_F(ProgramRunnerTest, TellsExitCodeAndOutput) {
  const ProgramResult result = resultOf(shell("echo one; echo two >&2; exit 3"));
  EXPECT_TRUE(result.started.ok());
  EXPECT_EQ(result.end.exit_code, 3);
  EXPECT_EQ(result.end.signal, 0);
  EXPECT_EQ(result.out, "one\n");
  EXPECT_EQ(result.err, "two\n");
  EXPECT_EQ(resultOf(shell("exit 0")).end.exit_code, 0);
  EXPECT_EQ(resultOf(shell("exit 255")).end.exit_code, 255);
}

TEST_F(ProgramRunnerTest, TellsTheSignal) {
  for (const int signal : {SIGKILL, SIGTERM, SIGPIPE, SIGUSR1, SIGRTMIN + 3}) {
    const ProgramResult result = resultOf(shell(base::concat("kill -", signal, " $$")));
    EXPECT_EQ(result.end.signal, signal);
  }
}

TEST_F(ProgramRunnerTest, SeesNothingOfThisProcess) {
  ::setenv("WEIR_TEST_SECRET", "x", 1);
  ProgramResult result = resultOf({.path = "/usr/bin/env",
                                   .arguments = {"another name"},
                                   .environment = {"A=1", "B=two words"}});
  EXPECT_EQ(result.out, "A=1\nB=two words\n");
  EXPECT_EQ(resultOf(shell("cat; echo $?")).out, "0\n") << "stdin is empty";
  // One that is inherited unless somebody takes care.
  const base::UniqueFd open(::open("/dev/null", O_RDONLY));
  ASSERT_TRUE(open.valid());
  EXPECT_EQ(resultOf({.path = "/bin/ls", .arguments = {"ls", "/proc/self/fd"}}).out, "0\n1\n2\n3\n")
      << "3 is the folder itself";
}

TEST_F(ProgramRunnerTest, HasSignalsAsByDefault) {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  base::TaskPool tasks(1);  // its thread inherits the mask
  ProgramRunner runner(*dispatcher_, tasks, 1);
  Wanted wanted;
  wanted.run = runner.run(
      {.path = "/bin/grep", .arguments = {"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}},
      wanted);
  EXPECT_TRUE(until([&] { return wanted.result.has_value(); }));
  std::istringstream out(wanted.result->out);
  std::string name;
  uint64_t blocked_there = ~uint64_t{0};
  uint64_t ignored_there = ~uint64_t{0};
  out >> name >> std::hex >> blocked_there >> name >> ignored_there;
  constexpr uint64_t kOfTheLibrary = 0x1'8000'0000;  // 32 and 33, glibc's own
  EXPECT_EQ(blocked_there, 0u);
  EXPECT_EQ(ignored_there & ~kOfTheLibrary, 0u);
  ::signal(SIGPIPE, pipe_before);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(ProgramRunnerTest, HasAGroupAndASessionOfItsOwn) {
  const ProgramResult result = resultOf(shell("echo $$; cut -d' ' -f5,6 /proc/self/stat"));
  std::istringstream out(result.out);
  int own = 0;
  int group = 0;
  int session = 0;
  out >> own >> group >> session;
  EXPECT_GT(own, 0);
  EXPECT_EQ(group, own);
  EXPECT_EQ(session, own);
}

TEST_F(ProgramRunnerTest, SaysWhyItCouldNotStart) {
  const std::string plain = folder_.write("plain", "echo\n");
  const std::string junk = folder_.write("junk", "\x01\x02\x03");
  const std::string lost = folder_.write("lost", "#!/no/such/interpreter\n");
  ASSERT_EQ(::chmod(junk.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(lost.c_str(), 0755), 0);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"/no/such/file", "No such file or directory"},
      {"/", "Permission denied"},
      {plain, "Permission denied"},
      {junk, "Exec format error"},
      {lost, "No such file or directory"}};
  for (const auto& [path, why] : cases) {
    const ProgramResult result = resultOf({.path = path, .arguments = {"x"}});
    EXPECT_FALSE(result.started.ok()) << path;
    EXPECT_EQ(result.started.message(), base::concat(path, ": ", why));
  }
  EXPECT_EQ(runner_->running(), 0u);
}

TEST_F(ProgramRunnerTest, SaysThatThePoolIsFull) {
  base::TaskPool full(1, /*max_waiting=*/0);
  ProgramRunner runner(*dispatcher_, full, 1);
  Wanted wanted;
  wanted.run = runner.run(shell("exit 0"), wanted);
  EXPECT_FALSE(wanted.result.has_value());
  EXPECT_TRUE(until([&] { return wanted.result.has_value(); }));
  EXPECT_THAT(std::string(wanted.result->started.message()), HasSubstr("pool"));
  EXPECT_EQ(runner.running(), 0u);
}

TEST_F(ProgramRunnerTest, KeepsTheBeginningOfMuchOutput) {
  const ProgramResult result =
      resultOf(shell("i=0; while [ $i -lt 100 ]; do head -c 1000 /dev/zero | tr '\\0' x; "
                     "i=$((i+1)); done; head -c 300000 /dev/zero >&2; exit 4"));
  EXPECT_EQ(result.end.exit_code, 4) << "nothing was broken off";
  EXPECT_EQ(result.out, std::string(ProgramRunner::kKeptBytes, 'x'));
  EXPECT_EQ(result.err, std::string(ProgramRunner::kKeptBytes, '\0'));
}

TEST_F(ProgramRunnerTest, AFloodDoesNotKeepTheLoopBusy) {
  Wanted flood;
  start(flood, shell("exec yes"));
  int turns = 0;
  ASSERT_TRUE(until([&] { return ++turns > 200; })) << "other things get their turn";
  EXPECT_FALSE(flood.result.has_value());
  flood.run.reset();
  EXPECT_TRUE(allGone());
}

TEST_F(ProgramRunnerTest, WhatItLeavesRunningHoldsNothingUp) {
  // It holds the output open.
  const ProgramResult result =
      resultOf(shell(base::concat("sleep 1000 & echo $! > ", folder_.file("pid"), "; echo done")));
  EXPECT_EQ(result.end.exit_code, 0);
  EXPECT_EQ(result.out, "done\n");
  const pid_t left = pidIn("pid");
  EXPECT_TRUE(until([&] { return !test::runs(left); })) << "killed with its group";
}

TEST_F(ProgramRunnerTest, WhatHasLeftTheGroupHoldsNothingUpEither) {
  const ProgramResult result = resultOf(shell(base::concat(
      "(setsid sh -c 'echo $$ > ", folder_.file("pid"), "; exec sleep 1000') & while [ ! -s ",
      folder_.file("pid"), " ]; do :; done; echo done")));
  EXPECT_EQ(result.end.exit_code, 0);
  EXPECT_EQ(result.out, "done\n");
  const pid_t left = pidIn("pid");
  EXPECT_TRUE(test::runs(left)) << "nobody can know of it";
  ::kill(left, SIGKILL);
}

TEST_F(ProgramRunnerTest, GivingUpKillsTheGroup) {
  Wanted wanted;
  start(wanted, shell(base::concat("trap '' TERM INT HUP; (trap '' TERM HUP; echo $$ > ",
                                   folder_.file("first"), "; sleep 1000 & echo $! > ",
                                   folder_.file("second"), "; wait); wait")));
  const pid_t first = pidIn("first");
  const pid_t second = pidIn("second");
  EXPECT_TRUE(test::runs(first));
  EXPECT_TRUE(test::runs(second));
  EXPECT_EQ(runner_->running(), 1u);
  wanted.run.reset();
  EXPECT_TRUE(allGone());
  EXPECT_TRUE(until([&] { return !test::runs(first) && !test::runs(second); }));
  EXPECT_FALSE(wanted.result.has_value());
  EXPECT_THAT(test::childrenOfThis(), IsEmpty()) << "no zombie";
}

TEST_F(ProgramRunnerTest, GivingUpAtOnceKillsWhatIsJustBegun) {
  const size_t before = test::openDescriptors();
  open(4);
  for (int round = 0; round < 50; ++round) {
    Wanted wanted;
    start(wanted, shell("sleep 1000"));
    if (round % 2 == 0) {
      until([] { return true; });  // a turn
    }
    wanted.run.reset();
  }
  EXPECT_TRUE(allGone());
  EXPECT_THAT(test::childrenOfThis(), IsEmpty());
  EXPECT_EQ(test::openDescriptors(), before);
}

TEST_F(ProgramRunnerTest, NeverMoreThanItsBound) {
  constexpr uint32_t kPrograms = 100;
  const size_t descriptors = test::openDescriptors();
  open(4);
  const std::string log = folder_.file("log");
  std::vector<std::unique_ptr<Wanted>> all;
  std::vector<uint32_t> order;
  uint32_t ended = 0;
  for (uint32_t i = 0; i < kPrograms; ++i) {
    Wanted& wanted = *all.emplace_back(std::make_unique<Wanted>());
    wanted.on_begun = [&order, i] { order.push_back(i); };
    wanted.on_ended = [&ended] { ++ended; };
    start(wanted, shell(base::concat("echo + >> ", log, "; /bin/true; echo - >> ", log)));
    EXPECT_FALSE(wanted.run->begun());
    EXPECT_EQ(runner_->running(), std::min(i + 1u, 4u));
  }
  EXPECT_TRUE(until([&] {
    EXPECT_LE(runner_->running(), 4u);
    EXPECT_LE(test::childrenOfThis().size(), 4u);
    return ended == kPrograms;
  }));
  EXPECT_EQ(order.size(), kPrograms);
  // Two threads load files, so neighbours may change places.
  for (uint32_t i = 0; i < kPrograms; ++i)
    EXPECT_NEAR(order[i], i, 4) << "first come, first served";
  int now = 0;
  int most = 0;
  for (const char c : contentOf("log")) {
    if (c == '+') most = std::max(most, ++now);
    if (c == '-') --now;
  }
  EXPECT_EQ(now, 0);
  EXPECT_LE(most, 4);
  EXPECT_GE(most, 2) << "they run beside each other";
  for (const auto& wanted : all) EXPECT_EQ(wanted->result->end.exit_code, 0);
  EXPECT_EQ(test::openDescriptors(), descriptors);
}

TEST_F(ProgramRunnerTest, OneThatWaitsIsWithdrawn) {
  open(1);
  Wanted first;
  Wanted second;
  Wanted third;
  start(first, shell("sleep 1000"));
  start(second, shell(base::concat("touch ", folder_.file("second"))));
  start(third, shell("exit 5"));
  second.run.reset();
  first.run.reset();
  EXPECT_EQ(runner_->running(), 1u) << "the first one is not gone yet";
  EXPECT_TRUE(until([&] { return third.result.has_value(); }));
  EXPECT_TRUE(third.begun);
  EXPECT_EQ(third.result->end.exit_code, 5);
  EXPECT_FALSE(second.begun);
  EXPECT_NE(::access(folder_.file("second").c_str(), F_OK), 0);
}

TEST_F(ProgramRunnerTest, TheBoundMayChange) {
  open(1);
  Wanted wanted[4];
  for (Wanted& one : wanted) start(one, shell("sleep 1000"));
  EXPECT_EQ(runner_->running(), 1u);
  runner_->setMost(3);
  EXPECT_EQ(runner_->running(), 3u);
  EXPECT_TRUE(until([&] { return wanted[0].begun && wanted[1].begun && wanted[2].begun; }));
  EXPECT_FALSE(wanted[3].begun);
  runner_->setMost(1);
  EXPECT_EQ(runner_->running(), 3u);
  wanted[0].run.reset();
  wanted[1].run.reset();
  EXPECT_TRUE(until([this] { return runner_->running() == 1; }));
  EXPECT_FALSE(wanted[3].begun);
  wanted[2].run.reset();
  EXPECT_TRUE(until([&] { return wanted[3].begun; }));
}

TEST_F(ProgramRunnerTest, AListenerMayDoAnything) {
  open(1);
  Wanted first;
  Wanted waiting;
  Wanted next;
  first.on_ended = [&] {
    first.run.reset();
    waiting.run.reset();
    start(next, shell("exit 7"));
    EXPECT_EQ(runner_->running(), 1u) << "nobody waits";
  };
  start(first, shell("exit 0"));
  start(waiting, shell("exit 0"));
  EXPECT_TRUE(until([&] { return next.result.has_value(); }));
  EXPECT_EQ(next.result->end.exit_code, 7);
  EXPECT_FALSE(waiting.begun);
  // Gives up what has just begun.
  Wanted last;
  start(last, shell("sleep 1000"));
  last.on_begun = [&] { last.run.reset(); };
  EXPECT_TRUE(until([&] { return last.begun; }));
  EXPECT_TRUE(allGone());
}

TEST_F(ProgramRunnerTest, ANewcomerDoesNotOvertakeThoseWhoWait) {
  open(1);
  Wanted first;
  Wanted waiting;
  Wanted newcomer;
  std::string order;
  first.on_ended = [&] { start(newcomer, shell("exit 0")); };
  waiting.on_begun = [&] { order += "waiting "; };
  newcomer.on_begun = [&] { order += "newcomer "; };
  start(first, shell("exit 0"));
  start(waiting, shell("exit 0"));
  EXPECT_TRUE(until([&] { return newcomer.result.has_value(); }));
  EXPECT_EQ(order, "waiting newcomer ");
}

TEST_F(ProgramRunnerTest, EndsWithAllThatRuns) {
  const size_t before = test::openDescriptors();
  open(20);
  std::vector<std::unique_ptr<Wanted>> all;
  for (int i = 0; i < 25; ++i) {
    start(*all.emplace_back(std::make_unique<Wanted>()), shell("sleep 1000"));
  }
  ASSERT_TRUE(until([] { return test::childrenOfThis().size() == 20; }));
  runner_.reset();
  expectNoneLeft();
  for (const auto& wanted : all) {
    EXPECT_TRUE(wanted->run->begun());
    wanted->run.reset();
    EXPECT_FALSE(wanted->result.has_value());
  }
  EXPECT_EQ(test::openDescriptors(), before);
}

TEST_F(ProgramRunnerTest, EndsWithWhatThePoolIsAboutToStart) {
  open(20);
  std::vector<std::unique_ptr<Wanted>> all;
  for (int i = 0; i < 20; ++i) {
    start(*all.emplace_back(std::make_unique<Wanted>()), shell("sleep 1000"));
  }
  runner_.reset();
  expectNoneLeft();
}

TEST_F(ProgramRunnerTest, MayBeDestroyedByItsListener) {
  open(2);
  Wanted wanted;
  Wanted other;
  wanted.on_ended = [&] { runner_.reset(); };
  start(other, shell("sleep 1000"));
  start(wanted, shell("exit 0"));
  EXPECT_TRUE(until([&] { return runner_ == nullptr; }));
  expectNoneLeft();
}

TEST_F(ProgramRunnerTest, WorksWhereSigchldWasIgnored) {
  ::signal(SIGCHLD, SIG_IGN);
  open(1);
  EXPECT_EQ(resultOf(shell("exit 9")).end.exit_code, 9);
}

TEST_F(ProgramRunnerTest, SaysWhenSomebodyElseHasWaitedForIt) {
  Wanted wanted;
  start(wanted, shell(base::concat("echo $$ > ", folder_.file("pid"), "; exit 9")));
  const pid_t pid = test::waitForAnyChild();
  EXPECT_GT(pid, 0);
  EXPECT_TRUE(until([&] { return wanted.result.has_value(); }));
  // Before it was known here, that is a failure to start.
  if (wanted.result->started.ok()) {
    EXPECT_EQ(wanted.result->end.exit_code, ProgramEnd::kUnknown);
  }
}

}  // namespace
}  // namespace weir::event
