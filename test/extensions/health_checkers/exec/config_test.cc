#include "extensions/health_checkers/exec/config.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/health_checkers/exec/exec_service.h"
#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/base/task_pool.h"
#include "source/config/snapshot.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/support/child_process.h"

namespace weir::extensions::health_checkers::exec {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ExecConfigTest : public ::testing::Test {
 protected:
  ExecConfigTest() {
    const auto add = [this](std::unique_ptr<base::Extension> extension) {
      EXPECT_TRUE(registry_.add(std::move(extension)).ok());
    };
    add(std::make_unique<ExecExtension>());
    add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>());
    add(std::make_unique<transport_sockets::plain::PlainExtension>());
  }
  // With the fields of the check on line 2, and those that all checks have on line 3.
  std::string findings(std::string_view fields, std::string_view health = "allow_exec: true",
                       std::string_view of_check = {}) {
    config::Diagnostics diagnostics;
    snapshot_ = loader_.loadText(
        base::concat("admin { address: \"127.0.0.1:1\" } health { ", health,
                     " } clusters { name: \"c\" endpoints { address: \"127.0.0.1:80\" } "
                     "health_checks { config { [health_checkers/exec] {\n",
                     fields, "\n} } ", of_check, " } }"),
        folder_.file("w.textproto"), 1, diagnostics);
    std::string text = diagnostics.toString();
    const std::string folder = base::concat(folder_.path(), "/");
    for (size_t at = text.find(folder); at != std::string::npos; at = text.find(folder)) {
      text.erase(at, folder.size());
    }
    return text;
  }
  void executable(const std::string& name) {
    const std::string path = folder_.write(name, "#!/bin/sh\n");
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  }

  test::TemporaryFolder folder_;
  base::Registry registry_;
  stats::Store store_;
  config::Loader loader_{registry_, store_};
  std::shared_ptr<const config::Snapshot> snapshot_;
};

TEST_F(ExecConfigTest, FindsTheProgram) {
  executable("check.sh");
  EXPECT_EQ(findings("command: \"/bin/sh\""), "");
  EXPECT_EQ(findings("command: \"sh\""), "") << "in PATH";
  EXPECT_EQ(findings("command: \"./check.sh\""), "") << "beside the configuration";
  EXPECT_EQ(findings(base::concat("command: \"", folder_.file("check.sh"), "\" command: \"\"")),
            "");
  EXPECT_EQ(snapshot_->clusters.at(0)->health_checks.at(0)->factory->name(), "exec");
}

TEST_F(ExecConfigTest, LooksInPathAsItIs) {
  executable("only_here");
  EXPECT_THAT(findings("command: \"only_here\""),
              StartsWith("w.textproto:2:10: clusters[0].health_checks[0].config.command[0]: there "
                         "is no program \"only_here\" in PATH, which is "));
  const std::string path = ::getenv("PATH");
  folder_.write("no_program", "text");
  ::setenv("PATH", base::concat("relative::", folder_.path(), ":", path).c_str(), 1);
  EXPECT_EQ(findings("command: \"only_here\""), "");
  EXPECT_THAT(findings("command: \"no_program\""), HasSubstr("there is no program"));
  ::setenv("PATH", path.c_str(), 1);
}

TEST_F(ExecConfigTest, WhatCannotBeRunIsRefused) {
  folder_.write("plain", "text");
  const auto why = [](std::string_view text) {
    return AllOf(StartsWith("w.textproto:2:10: clusters[0].health_checks[0].config.command[0]: "),
                 HasSubstr(std::string(text)));
  };
  EXPECT_THAT(findings("command: \"/no/such/program\""),
              why("cannot run /no/such/program: No such file or directory"));
  EXPECT_THAT(findings("command: \"./plain\""), why("cannot run ./plain: Permission denied"));
  EXPECT_THAT(findings("command: \"/tmp\""), why("cannot run /tmp: Is a directory"));
  EXPECT_THAT(findings("command: \"/dev/null\""), why("Permission denied"));
  EXPECT_THAT(findings(""), HasSubstr("config.command: is missing"));
  EXPECT_THAT(findings("command: \"\""), HasSubstr("config.command: is missing"));
}

TEST_F(ExecConfigTest, HasToBeAllowed) {
  for (const char* health : {"", "allow_exec: false"}) {
    EXPECT_THAT(findings("command: \"/bin/sh\"", health),
                AllOf(StartsWith("w.textproto:1:"),
                      HasSubstr("clusters[0].health_checks[0].config: checks may not run programs; "
                                "allow it: health { allow_exec: true }")));
  }
}

TEST_F(ExecConfigTest, WhatIsAboutConnectionsIsRefused) {
  const auto with = [this](std::string_view of_check) {
    return findings("command: \"/bin/sh\"", "allow_exec: true", of_check);
  };
  EXPECT_EQ(with("new_connections: true plain: true"),
            "w.textproto:3:22: clusters[0].health_checks[0].new_connections: is about connections, "
            "of which health_checkers/exec makes none; remove it\n"
            "w.textproto:3:34: clusters[0].health_checks[0].plain: is about connections, of which "
            "health_checkers/exec makes none; remove it\n");
  EXPECT_EQ(with("new_connections: false plain: false"), "");
}

TEST_F(ExecConfigTest, BoundsAreKept) {
  std::string words = "command: \"/bin/sh\"";
  for (int i = 1; i < 64; ++i) words += " command: \"x\"";
  EXPECT_EQ(findings(words), "");
  EXPECT_THAT(findings(words + " command: \"x\""), HasSubstr("command[64]: a command of 65 words"));
  EXPECT_THAT(findings(base::concat("command: \"sh\" command: \"", std::string(4097, 'x'), "\"")),
              HasSubstr("command[1]: 4097 bytes; use at most 4096"));
  EXPECT_THAT(findings("command: \"sh\" command: \"a\\000b\""), HasSubstr("command[1]: has a NUL"));
  EXPECT_EQ(findings("command: \"sh\" degraded_exit_code: 255"), "");
  EXPECT_THAT(findings("command: \"sh\" degraded_exit_code: 256"),
              HasSubstr("256 is out of range; it must be 1 to 255"));
}

TEST_F(ExecConfigTest, TheEnvironmentIsChecked) {
  const auto with = [this](std::string_view name, std::string_view value) {
    return findings(
        base::concat("command: \"sh\" environment { key: \"", name, "\" value: \"", value, "\" }"));
  };
  EXPECT_EQ(with("PGUSER", "weir"), "");
  EXPECT_EQ(with("PATH", "/opt/bin"), "") << "of the program; it is found in Weir's own";
  for (const char* name : {"", "1A", "A B", "A=B", "A-B", "A\\000"}) {
    EXPECT_THAT(with(name, "x"), HasSubstr("config.environment: ")) << name;
  }
  EXPECT_THAT(with("WEIR_IP", "x"), HasSubstr("WEIR_IP begins with \"WEIR_\""));
  EXPECT_THAT(with("A", std::string(4097, 'x')), HasSubstr("environment: 4097 bytes"));
  EXPECT_THAT(with("A", "a\\000b"), HasSubstr("has a NUL"));
  std::string many = "command: \"sh\"";
  for (int i = 0; i < 65; ++i) many += base::concat(" environment { key: \"A", i, "\" }");
  EXPECT_THAT(findings(many), HasSubstr("65 variables; use at most 64"));
}

TEST_F(ExecConfigTest, TheNewestConfigurationSetsTheBound) {
  event::FakeDispatcher dispatcher;
  base::TaskPool tasks(1);
  base::ServiceMap services;
  services.put<event::Dispatcher>(dispatcher);
  services.put(tasks);
  services.put(store_);
  services.put(store_.block(0));
  struct Nobody final : event::ProgramListener {
    void onProgramEnded(const event::ProgramResult&) override {}
  } nobody;
  std::vector<std::unique_ptr<event::ProgramRunner::Run>> runs;
  const auto running = [&](std::string_view health) {
    EXPECT_EQ(findings("command: \"sh\"", health), "");
    EXPECT_EQ(snapshot_->main_parts.size(), 1u);
    for (const auto& part : snapshot_->main_parts) part->start(services);
    auto& runner = ExecService::of(services, 1).runner;
    while (runs.size() < 20) {
      runs.push_back(runner.run({.path = "/bin/sleep", .arguments = {"sleep", "1000"}}, nobody));
    }
    return runner.running();
  };
  EXPECT_EQ(running("allow_exec: true"), 8u);
  EXPECT_EQ(running("allow_exec: true max_exec: 12"), 12u);
}

}  // namespace
}  // namespace weir::extensions::health_checkers::exec
