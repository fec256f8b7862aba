// curl as the client.

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Finished;
using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kUploadBytes = 10 << 20;

std::string pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + (i >> 9) + (i >> 17));
  return bytes;
}

// Sends the body back as it came: chunked bodies chunked.
void mirror(RawConnection& connection, int) {
  while (true) {
    RawMessage request = connection.readMessage(false, false);
    if (!request.complete) return;
    if (request.header("expect") == "100-continue") {
      connection.send("HTTP/1.1 100 Continue\r\n\r\n");
    }
    if (!connection.readBody(request)) return;
    const bool chunked = request.count("transfer-encoding") != 0;
    std::string head = "HTTP/1.1 200 OK\r\nX-Seen-Expect: " + request.header("expect") + "\r\n";
    if (!chunked) {
      head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n";
      connection.send(head + request.body);
      continue;
    }
    connection.send(head + "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < request.body.size(); at += 50'000) {
      const std::string piece = request.body.substr(at, 50'000);
      char size[16];
      std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
      connection.send(size + piece + "\r\n");
    }
    connection.send("0\r\n\r\n");
  }
}

class CurlTest : public ::testing::Test {
 protected:
  explicit CurlTest(ScriptedOrigin::Script script = ScriptedOrigin::echoing())
      : origin_(std::move(script)) {}

  std::string url(std::string_view path = "/") { return weir_.url("edge", path); }

  // The body that comes back, compared on disk.
  bool uploads(std::vector<std::string> arguments) {
    const std::string body = pattern(kUploadBytes);
    const std::string sent = folder_.write("sent", body);
    const std::string got = folder_.file("got");
    arguments.insert(arguments.end(), {"--data-binary", "@" + sent, "--output", got, url("/up")});
    const Finished finished = test::curl(arguments);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return test::readFile(got) == body;
  }

  ScriptedOrigin origin_;
  test::TemporaryFolder folder_;
  test::WeirProcess weir_{test::edgeListener({}, R"(
      routes { match { path: "/old" } redirect { path: "/new" status: 308 } }
      routes { route { cluster: "origin" } })") +
                          test::cluster("origin", {origin_.address()}) + test::runtime()};
};

class CurlUploadTest : public CurlTest {
 protected:
  CurlUploadTest() : CurlTest(mirror) {}
};

TEST_F(CurlTest, SpeaksBothVersions) {
  const Finished one = test::curl({"--write-out", "%{http_version} %{http_code}", url("/a?b=c")});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_THAT(one.out, HasSubstr("GET /a?b=c HTTP/1.1\n"));
  EXPECT_THAT(one.out, HasSubstr("1.1 200"));
  const Finished old = test::curl({"--http1.0", "--write-out", "%{http_code}", url("/a")});
  EXPECT_EQ(old.code, 0) << old.err;
  // Upstream it is a request of Weir's own version.
  EXPECT_THAT(old.out, HasSubstr("GET /a HTTP/1.1\n"));
  EXPECT_THAT(old.out, HasSubstr("200"));
}

TEST_F(CurlTest, HeadHasNoBody) {
  const Finished finished = test::curl({"--head", url("/x"), url("/y")});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("HTTP/1.1 200 OK"));
  EXPECT_THAT(finished.out, Not(HasSubstr("GET")));
}

TEST_F(CurlTest, KeepsItsConnection) {
  const Finished finished =
      test::curl({"--write-out", "connects=%{num_connects}\n", url("/one"), url("/two")});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("connects=1\n"));
  EXPECT_THAT(finished.out, HasSubstr("connects=0\n"));
  EXPECT_EQ(origin_.connections(), 1);
}

TEST_F(CurlTest, FollowsARedirect) {
  const Finished finished =
      test::curl({"--location", "--write-out", "%{num_redirects}", url("/old?q=1")});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("GET /new?q=1 HTTP/1.1\n"));
  EXPECT_TRUE(finished.out.ends_with("1"));
}

TEST_F(CurlTest, TransfersInParallel) {
  std::vector<std::string> arguments = {"--parallel",  "--parallel-max", "20",
                                        "--write-out", "%{http_code}\n", "--output",
                                        "/dev/null"};
  arguments.push_back(url("/[1-100]"));
  const Finished finished = test::curl(arguments);
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(std::count(finished.out.begin(), finished.out.end(), '\n'), 100);
  EXPECT_THAT(finished.out, Not(HasSubstr("503")));
}

TEST_F(CurlUploadTest, UploadsOfKnownLengthComeBackWhole) {
  EXPECT_TRUE(uploads({"--header", "Expect:"}));
}

TEST_F(CurlUploadTest, ChunkedUploadsComeBackWhole) {
  EXPECT_TRUE(uploads({"--header", "Expect:", "--header", "Transfer-Encoding: chunked"}));
}

TEST_F(CurlUploadTest, WaitsForContinueEndToEnd) {
  const std::string head = folder_.file("head");
  EXPECT_TRUE(uploads(
      {"--expect100-timeout", "15", "--header", "Expect: 100-continue", "--dump-header", head}));
  EXPECT_THAT(test::readFile(head), HasSubstr("HTTP/1.1 100 Continue\r\n"));
  EXPECT_THAT(test::readFile(head), HasSubstr("100-continue\r\n"));
}

}  // namespace
}  // namespace weir
