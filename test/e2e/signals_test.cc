// What signals do to the running binary.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRequest[] = "GET /one HTTP/1.1\r\nHost: a\r\nUser-Agent: say \"hi\"\r\n\r\n";

std::string configFor(const ScriptedOrigin& origin, std::string_view manager = {}) {
  return test::edgeListener(manager) + test::cluster("origin", {origin.address()}) +
         test::runtime();
}

// An origin that answers once it is let go.
class DrainTest : public ::testing::Test {
 protected:
  ~DrainTest() override { go_ = true; }

  // Each worker closes its listening socket when it drains.
  bool workersDrain() {
    return test::eventually([&] { return RawConnection::connectTo(weir_.port("edge")).fd() < 0; });
  }

  // A client whose request has reached the origin.
  RawConnection busyClient() {
    RawConnection client = RawConnection::connectTo(weir_.port("edge"));
    client.send(kRequest);
    EXPECT_TRUE(test::eventually([&] { return reached_ > 0; }));
    return client;
  }

  std::atomic<bool> go_{false};
  std::atomic<int> reached_{0};
  ScriptedOrigin origin_{[this](RawConnection& connection, int) {
    while (connection.readMessage().complete) {
      ++reached_;
      test::eventually([&] { return go_.load(); });
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
    }
  }};
  test::WeirProcess weir_{configFor(origin_)};
};

TEST_F(DrainTest, SigtermFinishesWhatRunsAndExits0) {
  RawConnection idle = RawConnection::connectTo(weir_.port("edge"));
  RawConnection busy = busyClient();
  weir_.process().signal(SIGTERM);
  EXPECT_TRUE(idle.closedByPeer());
  EXPECT_TRUE(workersDrain());
  EXPECT_TRUE(weir_.process().running());
  go_ = true;
  const RawMessage response = busy.readMessage();
  EXPECT_EQ(response.status(), 200);
  EXPECT_EQ(response.body, "done");
  EXPECT_EQ(response.header("connection"), "close");
  EXPECT_TRUE(busy.closedByPeer());
  EXPECT_EQ(weir_.process().wait(), 0);
  EXPECT_THAT(weir_.process().err(), HasSubstr("SIGTERM"));
  EXPECT_THAT(weir_.process().err(), HasSubstr("stopped"));
}

TEST_F(DrainTest, ASecondSigtermEndsAtOnce) {
  RawConnection busy = busyClient();
  weir_.process().signal(SIGTERM);
  ASSERT_TRUE(weir_.process().waitForError("draining"));
  weir_.process().signal(SIGTERM);
  EXPECT_EQ(weir_.process().wait(std::chrono::seconds(5)), 1);
  EXPECT_TRUE(busy.closedByPeer());
}

TEST_F(DrainTest, SigintDrainsToo) {
  RawConnection busy = busyClient();
  weir_.process().signal(SIGINT);
  ASSERT_TRUE(workersDrain());
  go_ = true;
  EXPECT_EQ(busy.readMessage().header("connection"), "close");
  EXPECT_EQ(weir_.process().wait(), 0);
}

TEST(Signals, AnIdleProcessEndsAtOnceWithExitCode0) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  for (const int signal : {SIGTERM, SIGINT}) {
    test::WeirProcess weir(configFor(origin));
    weir.process().signal(signal);
    EXPECT_EQ(weir.process().wait(std::chrono::seconds(5)), 0);
  }
}

size_t lines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Signals, Sigusr1ReopensTheAccessLogAfterARename) {
  ScriptedOrigin origin(
      ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nX-Mark: m\r\nContent-Length: 4\r\n\r\nbody"));
  const test::TemporaryFolder folder;
  const std::string path = folder.file("access.log");
  test::WeirProcess weir(
      configFor(origin, "access_logs { config { [access_loggers/file] { path: \"" + path +
                            "\" format: '%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL% %RESPONSE_CODE% "
                            "%RESPONSE_FLAGS% %BYTES_SENT% \"%REQ(USER-AGENT)%\" %RESP(X-MARK)% "
                            "%UPSTREAM_HOST% %UPSTREAM_CLUSTER%' } } }"));
  RawConnection client = RawConnection::connectTo(weir.port("edge"));
  const auto ask = [&] {
    client.send(kRequest);
    EXPECT_EQ(client.readMessage().status(), 200);
  };
  const std::string expected =
      "GET /one HTTP/1.1 200 - 4 \"say \\x22hi\\x22\" m " + origin.address() + " origin\n";
  ask();
  EXPECT_TRUE(test::eventually([&] { return test::readFile(path) == expected; }))
      << test::readFile(path) << expected;

  const std::string rotated = folder.file("access.log.1");
  ASSERT_EQ(std::rename(path.c_str(), rotated.c_str()), 0);
  ask();  // still goes to the renamed file
  EXPECT_TRUE(test::eventually([&] { return lines(test::readFile(rotated)) == 2; }));
  weir.process().signal(SIGUSR1);
  // Lines go to the new file from the first that follows the reopening.
  EXPECT_TRUE(test::eventually([&] {
    ask();
    return test::readFile(path).starts_with(expected);
  }));
  const std::string before = test::readFile(rotated);
  const size_t fresh = lines(test::readFile(path));
  ask();
  EXPECT_TRUE(test::eventually([&] { return lines(test::readFile(path)) > fresh; }));
  EXPECT_EQ(test::readFile(rotated), before);
  weir.process().signal(SIGTERM);
  EXPECT_EQ(weir.process().wait(), 0);
}

TEST(Signals, NoLineIsLostAtTheEnd) {
  ScriptedOrigin origin(ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const test::TemporaryFolder folder;
  const std::string path = folder.file("access.log");
  test::WeirProcess weir(configFor(
      origin, "access_logs { config { [access_loggers/file] { path: \"" + path + "\" } } }"));
  RawConnection client = RawConnection::connectTo(weir.port("edge"));
  constexpr int kRequests = 1000;
  for (int i = 0; i < kRequests; ++i) {
    client.send(kRequest);
    ASSERT_EQ(client.readMessage().status(), 200);
  }
  weir.process().signal(SIGTERM);
  EXPECT_EQ(weir.process().wait(), 0);
  EXPECT_EQ(lines(test::readFile(path)), size_t{kRequests});
}

TEST(Signals, Sigusr1ReopensTheOperationalLog) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  const test::TemporaryFolder folder;
  const std::string path = folder.file("weir.log");
  const std::string config = folder.write(
      "weir.textproto", test::edgeListener() + test::cluster("origin", {origin.address()}) +
                            test::runtime(1, "log { path: \"weir.log\" }"));
  test::ChildProcess weir({test::weirBinary(), "run", "-c", config});
  const auto logged = [&](const std::string& text) {
    return test::eventually(
        [&] { return test::readFile(path).find(text) != std::string::npos || !weir.running(); });
  };
  ASSERT_TRUE(logged("serving with")) << weir.err();
  ASSERT_EQ(std::rename(path.c_str(), folder.file("weir.log.1").c_str()), 0);
  weir.signal(SIGUSR1);
  EXPECT_TRUE(test::eventually([&] { return ::access(path.c_str(), F_OK) == 0; }));
  weir.signal(SIGTERM);
  EXPECT_EQ(weir.wait(), 0);
  EXPECT_THAT(test::readFile(path), HasSubstr("stopped"));
  EXPECT_THAT(test::readFile(folder.file("weir.log.1")), Not(HasSubstr("stopped")));
}

}  // namespace
}  // namespace weir
