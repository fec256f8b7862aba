#include "extensions/health_checkers/exec/exec.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/health_checkers/exec/exec_service.h"
#include "source/base/concat.h"
#include "source/base/task_pool.h"
#include "source/upstream/cluster.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/support/child_process.h"
#include "test/support/own_processes.h"

namespace weir::extensions::health_checkers::exec {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using upstream::ProbeResult;
using Verdict = upstream::ProbeResult::Verdict;

// Whoever started one probe.
struct Scheduler final : upstream::ProbeListener {
  void onProbeDone(const ProbeResult& found) override {
    ++results;
    result = found;
    if (on_done) on_done();
  }
  void onProbeBegun() override {
    ++begun;
    if (on_begun) on_begun();
  }
  int results = 0;
  int begun = 0;
  ProbeResult result;
  std::function<void()> on_done;
  std::function<void()> on_begun;
  std::unique_ptr<upstream::HealthProbe> probe;
};

class ExecCheckTest : public ::testing::Test {
 protected:
  ExecCheckTest() {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(tasks_);
    services_.put(store_);
    services_.put(store_.block(0));
    cluster_.name = "db";
  }
  ~ExecCheckTest() override {
    checker_.reset();
    EXPECT_TRUE(until([] { return test::childrenOfThis().empty(); }));
  }

  bool until(const std::function<bool()>& done) { return dispatcher_.runUntil(done); }
  // A check that runs a script of this content.
  void open(std::string_view script, uint32_t most = 8) {
    const std::string path = folder_.write("check.sh", base::concat("#!/bin/sh\n", script, "\n"));
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
    openCommand({path}, path, most);
  }
  void openCommand(std::vector<std::string> command, const std::string& path, uint32_t most = 8) {
    ExecOptions options;
    options.path = path;
    options.command = std::move(command);
    options.environment = {"PATH=/usr/bin:/bin", "LANG=C"};
    options.degraded_exit_code = 3;
    const ExecCheck factory(std::move(options), most);
    EXPECT_EQ(factory.name(), "exec");
    checker_ = factory.create(services_, cluster_, {});
  }
  upstream::ProbeTarget target(const std::string& address = "10.0.0.1:5432") const {
    auto endpoint = std::make_shared<upstream::Endpoint>();
    endpoint->id = "first";
    endpoint->metadata = metadata_;
    return {.endpoint = endpoint, .address = *network::Address::parse(address)};
  }
  void start(Scheduler& scheduler, const upstream::ProbeTarget& target) {
    if (scheduler.probe == nullptr) scheduler.probe = checker_->createProbe(target, scheduler);
    scheduler.probe->start();
  }
  void start(Scheduler& scheduler) { start(scheduler, target()); }
  ProbeResult probe(const upstream::ProbeTarget& target) {
    Scheduler scheduler;
    start(scheduler, target);
    EXPECT_FALSE(scheduler.probe->begun());
    EXPECT_EQ(scheduler.results, 0) << "not from inside";
    EXPECT_TRUE(until([&] { return scheduler.results > 0; }));
    EXPECT_TRUE(scheduler.probe->begun());
    EXPECT_EQ(scheduler.begun, scheduler.result.verdict == Verdict::kSkipped ? 0 : 1);
    return scheduler.result;
  }
  ProbeResult probe() { return probe(target()); }
  int64_t programs(const std::string& result) const {
    return store_.valueOf("health_exec_programs_total", {{"result", result}});
  }
  int64_t running() const { return store_.valueOf("health_exec_running"); }
  int64_t waiting() const { return store_.valueOf("health_exec_waiting"); }
  event::ProgramRunner& runner() { return ExecService::of(services_, 1).runner; }
  std::string contentOf(const std::string& name) const {
    return test::readFile(folder_.file(name));
  }

  test::TemporaryFolder folder_;
  event::FakeDispatcher dispatcher_;
  stats::Store store_;
  base::ServiceMap services_;
  base::TaskPool tasks_{2};
  upstream::ClusterConfig cluster_;
  std::map<std::string, std::string> metadata_;
  std::unique_ptr<upstream::HealthChecker> checker_;
};

TEST_F(ExecCheckTest, TheExitCodeDecides) {
  open("exit 0");
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  open("echo slow; exit 3");
  EXPECT_EQ(probe().verdict, Verdict::kDegraded);
  open("echo 'no master' >&2; exit 2");
  ProbeResult result = probe();
  EXPECT_EQ(result.verdict, Verdict::kUnhealthy);
  EXPECT_EQ(result.reason, "exit 2: no master");
  open("kill -9 $$");
  result = probe();
  EXPECT_EQ(result.verdict, Verdict::kUnhealthy);
  EXPECT_EQ(result.reason, "killed by SIGKILL");
  EXPECT_EQ(programs("exited"), 4);
  EXPECT_EQ(running(), 0);
}

TEST_F(ExecCheckTest, ArgumentsAreNoShellsBusiness) {
  openCommand({"/usr/bin/printf", "%s|", "$HOME", "a b", ";", "*", ""}, "/usr/bin/printf");
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  openCommand({"sh", "-c", "echo \"$1|$2|$0\"; exit 1", "a b", "$HOME;", ""}, "/bin/sh");
  EXPECT_EQ(probe().reason, "exit 1: $HOME;||a b");
}

TEST_F(ExecCheckTest, TheEnvironmentNamesTheEndpoint) {
  open(base::concat("env | sort > ", folder_.file("env")));
  metadata_ = {{"stage/1", "canary"}, {"stage.1", "of this name already"}, {"Zone", "a=b\nc"}};
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  std::istringstream lines(contentOf("env"));
  std::vector<std::string> variables;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("PWD=") && !line.starts_with("_=")) variables.push_back(line);
  }
  EXPECT_THAT(variables, ElementsAre("LANG=C", "PATH=/usr/bin:/bin", "WEIR_ADDRESS=10.0.0.1:5432",
                                     "WEIR_CLUSTER=db", "WEIR_ENDPOINT=first", "WEIR_IP=10.0.0.1",
                                     "WEIR_META_STAGE_1=of this name already", "WEIR_META_ZONE=a=b",
                                     "WEIR_PORT=5432", "c"));
}

TEST_F(ExecCheckTest, AddressesOfEachKind) {
  EXPECT_THAT(endpointVariables("c", target("[fd00::1]:80")),
              ElementsAre("WEIR_CLUSTER=c", "WEIR_ENDPOINT=first", "WEIR_ADDRESS=[fd00::1]:80",
                          "WEIR_IP=fd00::1", "WEIR_PORT=80"));
  EXPECT_THAT(
      endpointVariables("c", target("unix:/run/app.sock")),
      ElementsAre("WEIR_CLUSTER=c", "WEIR_ENDPOINT=first", "WEIR_ADDRESS=unix:/run/app.sock"));
}

TEST_F(ExecCheckTest, WhatCannotRunSaysNothingOfTheEndpoint) {
  openCommand({"gone"}, folder_.file("gone"));
  const ProbeResult result = probe();
  EXPECT_EQ(result.verdict, Verdict::kSkipped);
  EXPECT_EQ(result.reason,
            base::concat("cannot run ", folder_.file("gone"), ": No such file or directory"));
  EXPECT_EQ(programs("not_started"), 1);
  EXPECT_EQ(programs("exited"), 0);
  EXPECT_EQ(running(), 0);
}

TEST_F(ExecCheckTest, CancellingKillsTheWholeGroup) {
  open(base::concat("trap '' TERM; sleep 1000 & echo $$ $! > ", folder_.file("pids"), "; wait"));
  Scheduler scheduler;
  start(scheduler);
  ASSERT_TRUE(until([&] { return scheduler.begun == 1 && contentOf("pids").ends_with('\n'); }));
  pid_t script = 0;
  pid_t sleeping = 0;
  std::istringstream(contentOf("pids")) >> script >> sleeping;
  ASSERT_TRUE(test::runs(script));
  ASSERT_TRUE(test::runs(sleeping));
  EXPECT_EQ(running(), 1);
  scheduler.probe->cancel();
  EXPECT_EQ(running(), 0);
  EXPECT_TRUE(until([&] { return !test::runs(script) && !test::runs(sleeping); }));
  EXPECT_TRUE(until([] { return test::childrenOfThis().empty(); })) << "no zombie";
  scheduler.probe->cancel();
  EXPECT_EQ(scheduler.results, 0);
  EXPECT_EQ(programs("killed"), 1);
}

TEST_F(ExecCheckTest, DestroyingTheProbeKillsAtAnyStage) {
  open("sleep 1000");
  const size_t before = test::openDescriptors();
  for (int round = 0; round < 30; ++round) {
    Scheduler scheduler;
    start(scheduler);
    if (round % 3 == 1) dispatcher_.runUntilIdle();
    if (round % 3 == 2) {
      EXPECT_TRUE(until([] { return !test::childrenOfThis().empty(); }));
    }
  }
  EXPECT_TRUE(until([this] { return runner().running() == 0; }));
  EXPECT_THAT(test::childrenOfThis(), IsEmpty());
  EXPECT_TRUE(until([&] { return test::openDescriptors() == before; }));
  EXPECT_EQ(running(), 0);
}

TEST_F(ExecCheckTest, ChildrenThatHoldTheOutputDelayNothing) {
  open(base::concat("(setsid sh -c 'echo $$ > ", folder_.file("pid"),
                    "; exec sleep 1000' &) ; while [ ! -s ", folder_.file("pid"),
                    " ]; do :; done; sleep 1000 & echo behind; exit 2"));
  const ProbeResult result = probe();
  EXPECT_EQ(result.reason, "exit 2: behind");
  ::kill(static_cast<pid_t>(std::atoi(contentOf("pid").c_str())), SIGKILL);
}

// How many numbers, at most, are still to come when a greater one has come.
int mostOvertaken(const std::vector<int>& order) {
  int most = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const auto smaller = [&](int other) { return other < order[i]; };
    const auto later = order.begin() + static_cast<std::ptrdiff_t>(i);
    most = std::max(most, static_cast<int>(std::count_if(later, order.end(), smaller)));
  }
  return most;
}

TEST_F(ExecCheckTest, NeverMoreThanTheBoundOverAllChecks) {
  constexpr int kProbes = 100;
  const std::string log = folder_.file("log");
  open(base::concat("echo + >> ", log, "; /bin/true; echo - >> ", log), /*most=*/4);
  const size_t descriptors = test::openDescriptors();
  std::vector<std::unique_ptr<upstream::HealthChecker>> checkers;
  std::vector<std::unique_ptr<Scheduler>> schedulers;
  std::vector<int> order;
  int done = 0;
  for (int i = 0; i < kProbes; ++i) {
    if (i % 10 == 0) {
      if (checker_ != nullptr) checkers.push_back(std::move(checker_));
      openCommand({"check"}, folder_.file("check.sh"), 4);
    }
    Scheduler& scheduler = *schedulers.emplace_back(std::make_unique<Scheduler>());
    scheduler.on_begun = [&order, i] { order.push_back(i); };
    scheduler.on_done = [&done] { ++done; };
    start(scheduler);
    EXPECT_FALSE(scheduler.probe->begun());
  }
  EXPECT_EQ(waiting(), kProbes);
  ASSERT_TRUE(until([&] {
    EXPECT_LE(test::childrenOfThis().size(), 4u);
    EXPECT_LE(running(), 4);
    return done == kProbes;
  }));
  int now = 0;
  int most = 0;
  for (const char c : contentOf("log")) {
    if (c == '+') most = std::max(most, ++now);
    if (c == '-') --now;
  }
  EXPECT_EQ(now, 0);
  EXPECT_LE(most, 4);
  EXPECT_EQ(order.size(), static_cast<size_t>(kProbes));
  // Threads load the files, two at a time: one of them may take long, and the others go on.
  EXPECT_LE(mostOvertaken(order), 2) << "first come, first served";
  for (const auto& scheduler : schedulers) {
    EXPECT_EQ(scheduler->result.verdict, Verdict::kHealthy) << scheduler->result.reason;
    EXPECT_TRUE(scheduler->probe->begun());
  }
  EXPECT_EQ(waiting(), 0);
  EXPECT_EQ(running(), 0);
  EXPECT_EQ(programs("exited"), kProbes);
  EXPECT_TRUE(until([&] { return test::openDescriptors() == descriptors; }));
  schedulers.clear();
}

TEST_F(ExecCheckTest, AProbeThatWaitsIsWithdrawnWithoutATrace) {
  open("sleep 1000", 1);
  Scheduler first;
  Scheduler second;
  start(first);
  start(second);
  EXPECT_TRUE(until([&] { return first.begun == 1; }));
  EXPECT_FALSE(second.probe->begun());
  EXPECT_EQ(running(), 1);
  EXPECT_EQ(waiting(), 1);
  second.probe->cancel();
  EXPECT_EQ(waiting(), 0);
  EXPECT_TRUE(second.probe->begun()) << "nothing is under way";
  EXPECT_EQ(programs("killed"), 0);
  start(second);
  EXPECT_FALSE(second.probe->begun());
  second.on_begun = [&] { second.probe->cancel(); };
  first.probe->cancel();
  EXPECT_TRUE(until([&] { return second.begun == 1; }));
  EXPECT_TRUE(until([this] { return runner().running() == 0; }));
  EXPECT_EQ(programs("killed"), 2);
  EXPECT_EQ(running(), 0);
  EXPECT_EQ(waiting(), 0);
  EXPECT_EQ(first.results + second.results, 0);
}

TEST_F(ExecCheckTest, TheListenerMayStartTheNextOrDestroyTheProbe) {
  open("exit 1");
  Scheduler scheduler;
  scheduler.on_done = [&] {
    if (scheduler.results < 3) return scheduler.probe->start();
    scheduler.probe.reset();
  };
  start(scheduler);
  EXPECT_TRUE(until([&] { return scheduler.probe == nullptr; }));
  EXPECT_EQ(scheduler.results, 3);
}

}  // namespace
}  // namespace weir::extensions::health_checkers::exec
