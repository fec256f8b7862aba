// The commands of the binary: what they print and how they exit.

#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Finished;
using test::TemporaryFolder;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string goodConfig() {
  return test::edgeListener() + test::cluster("origin", {"127.0.0.1:1"}) + test::runtime(1);
}

// Wrong use is told in one line on standard error, nothing on standard output, and exit code 2.
void expectUsageError(const std::vector<std::string>& arguments, const std::string& saying) {
  const Finished finished = test::weir(arguments);
  EXPECT_EQ(finished.code, 2) << finished.err;
  EXPECT_EQ(finished.out, "");
  EXPECT_THAT(finished.err, HasSubstr(saying));
  EXPECT_TRUE(finished.err.starts_with("weir: ")) << finished.err;
  EXPECT_EQ(std::count(finished.err.begin(), finished.err.end(), '\n'), 1) << finished.err;
}

TEST(CommandLine, EveryCommandHasHelp) {
  EXPECT_EQ(test::weir({"--help"}).code, 0);
  const std::string overview = test::weir({"--help"}).out;
  for (const std::string command : {"run", "check", "extensions", "version"}) {
    EXPECT_THAT(overview, HasSubstr("  " + command + " "));
    const Finished help = test::weir({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("Usage: weir " + command));
    EXPECT_EQ(help.err, "");
  }
  EXPECT_EQ(test::weir({}).code, 2);
}

TEST(CommandLine, VersionIsOneLine) {
  const Finished finished = test::weir({"version"});
  EXPECT_EQ(finished.code, 0);
  EXPECT_THAT(finished.out, MatchesRegex("weir [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(CommandLine, ExtensionsAreListedWithMessageAndFields) {
  const Finished finished = test::weir({"extensions"});
  EXPECT_EQ(finished.code, 0);
  for (const char* text :
       {"load_balancing/least_request\n", "load_balancing/round_robin\n", "access_loggers/file\n",
        "access_loggers/stdout\n", "network_filters/http_connection_manager\n",
        "transport_sockets/plain\n", "weir.extensions.load_balancing.least_request.v1.LeastRequest",
        "    choices: uint32\n"}) {
    EXPECT_THAT(finished.out, HasSubstr(text));
  }
}

TEST(CommandLine, WrongArgumentsAreOneLineAndExitCode2) {
  expectUsageError({"rum"}, "unknown command \"rum\"; did you mean \"run\"?");
  expectUsageError({"run", "--confg", "x"}, "unknown flag \"--confg\"; did you mean \"--config\"?");
  expectUsageError({"check", "-x"}, "unknown flag \"-x\"");
  expectUsageError({"run"}, "--config is missing");
  expectUsageError({"run", "-c"}, "--config needs a value");
  expectUsageError({"version", "now"}, "unexpected argument \"now\"");
}

TEST(CommandLine, FilesThatCannotBeReadAreOneLineAndExitCode2) {
  const TemporaryFolder folder;
  for (const std::string command : {"run", "check"}) {
    expectUsageError({command, "-c", folder.file("none")}, "No such file");
    expectUsageError({command, "-c", folder.path()}, "is a folder");
  }
}

TEST(CommandLine, AFileWithoutPermissionIsOneLineAndExitCode2) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads every file";
  const TemporaryFolder folder;
  const std::string path = folder.write("secret.textproto", goodConfig());
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  expectUsageError({"check", "-c", path}, "Permission denied");
}

TEST(CommandLine, CheckAcceptsWithoutSideEffects) {
  const TemporaryFolder folder;
  const std::string log = folder.file("access.log");
  // A taken address and a log file that does not exist yet: check touches neither.
  test::ScriptedOrigin taken(test::ScriptedOrigin::echoing());
  const std::string path = folder.write(
      "good.textproto",
      "admin { address: \"" + taken.address() + "\" }\n" +
          test::edgeListener("access_logs { config { [access_loggers/file] { path: \"" + log +
                             "\" } } }") +
          test::cluster("origin", {"127.0.0.1:1"}));
  const Finished finished = test::weir({"check", "-c", path});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(finished.out, path + ": OK\n");
  EXPECT_NE(::access(log.c_str(), F_OK), 0);
}

TEST(CommandLine, CheckAndRunTellEveryErrorWithItsPosition) {
  const TemporaryFolder folder;
  const std::string path = folder.write("bad.textproto",
                                        R"(listeners {
  name: "edge"
  address: "127.0.0.1:80800"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*"
      routes { match { regex: "(" } route { cluster: "web" } }
      routes { route { cluster: "wbe" } }
    }
  } } } }
}
clusters { name: "web" endpoints { address: "127.0.0.1:1" weight: 0 } }
clusters { name: "web" endpoints { addres: "127.0.0.1:1" } }
)");
  for (const std::string command : {"check", "run"}) {
    const Finished finished = test::weir({command, "-c", path});
    EXPECT_EQ(finished.code, 1);
    EXPECT_THAT(finished.err, HasSubstr(path + ":12:36: "));
    EXPECT_THAT(finished.err, HasSubstr("did you mean \"address\"?"));
  }
  // With the unknown field out of the way, the rest is told at once.
  std::string text = test::readFile(path);
  text.replace(text.find("addres:"), 7, "address:");
  folder.write("bad.textproto", text);
  for (const std::string command : {"check", "run"}) {
    const Finished finished = test::weir({command, "-c", path});
    EXPECT_EQ(finished.code, 1);
    EXPECT_EQ(finished.out, "");
    for (const char* place : {":3:", ":6:", ":7:", ":11:", ":12:"}) {
      EXPECT_THAT(finished.err, HasSubstr(path + place)) << finished.err;
    }
    EXPECT_THAT(finished.err, HasSubstr("did you mean \"web\"?"));
  }
}

TEST(CommandLine, ATakenAddressNamesListenerAndAddress) {
  test::ScriptedOrigin taken(test::ScriptedOrigin::echoing());
  std::string config = goodConfig();
  const std::string free = "127.0.0.1:0";
  config.replace(config.find(free), free.size(), taken.address());
  const TemporaryFolder folder;
  const Finished finished = test::weir({"run", "-c", folder.write("weir.textproto", config)});
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.err, HasSubstr("\"edge\""));
  EXPECT_THAT(finished.err, HasSubstr(taken.address()));
  EXPECT_THAT(finished.err, HasSubstr("in use"));
}

TEST(CommandLine, ATakenAdminAddressIsToldToo) {
  test::ScriptedOrigin taken(test::ScriptedOrigin::echoing());
  const TemporaryFolder folder;
  const std::string path = folder.write(
      "weir.textproto", "admin { address: \"" + taken.address() + "\" }\n" + test::edgeListener() +
                            test::cluster("origin", {"127.0.0.1:1"}));
  const Finished finished = test::weir({"run", "-c", path});
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.err, HasSubstr("admin"));
  EXPECT_THAT(finished.err, HasSubstr(taken.address()));
}

}  // namespace
}  // namespace weir
