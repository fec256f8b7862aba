// HTTP/2 clients of other makes before Weir: curl, nghttp, h2load and HAProxy, over TLS and with
// prior knowledge.

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/http2_programs.h"
#include "test/support/configs.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Command;
using test::Finished;
using test::Load;
using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using test::ServedFiles;
using ::testing::HasSubstr;
using ::testing::Not;

size_t count(const std::string& text, const std::string& word) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += word.size()) ++found;
  return found;
}

// Says what trailers came, and sends one.
void tellTrailers(RawConnection& connection, int) {
  for (RawMessage request = connection.readMessage(); request.complete;
       request = connection.readMessage()) {
    const auto found = request.trailers.find("x-check");
    const std::string body =
        "body=" + std::to_string(request.body.size()) +
        " trailer=" + (found == request.trailers.end() ? std::string("none") : found->second);
    char size[16];
    std::snprintf(size, sizeof size, "%zx", body.size());
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(size) +
                    "\r\n" + body + "\r\n0\r\nX-End: yes\r\n\r\n");
  }
}

// Weir on a plain port ("plain") and on one with TLS ("tls"), before nginx with files, an origin
// that echoes ("/echo") and one that looks at trailers ("/trailers").
class Http2ClientsTest : public ::testing::Test {
 protected:
  static constexpr char kRoutes[] =
      "routes { match { prefix: \"/echo\" } route { cluster: \"echo\" } } "
      "routes { match { prefix: \"/trailers\" } route { cluster: \"trailers\" } } "
      "routes { route { cluster: \"origin\" } }";

  std::string configuration() {
    const std::string log = test::shortAccessLog(folder_.file("access.log"));
    return test::httpListener("plain", log, {}, kRoutes) +
           test::httpListener("tls", log, test::tlsField(ca_.issue("localhost", "DNS:localhost")),
                              kRoutes) +
           test::cluster("origin", {"127.0.0.1:" + std::to_string(port_)}) +
           test::cluster("echo", {echo_.address()}) +
           test::cluster("trailers", {trailers_.address()}) + test::runtime();
  }
  void SetUp() override {
    ASSERT_TRUE(nginx_.ready()) << nginx_.log();
    ASSERT_NE(weir_.port("tls"), 0) << weir_.process().err();
  }

  std::string plain(const std::string& path = {}) {
    return "http://127.0.0.1:" + std::to_string(weir_.port("plain")) + path;
  }
  std::string tls(const std::string& path = {}) {
    return "https://localhost:" + std::to_string(weir_.port("tls")) + path;
  }
  // For a curl that comes over TLS.
  Command trusting(const Command& more = {}) {
    Command all = {"--cacert", ca_.file(), "--resolve",
                   "localhost:" + std::to_string(weir_.port("tls")) + ":127.0.0.1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  void expectAll(const Load& load, int requests) {
    EXPECT_EQ(load.total, requests) << load.text;
    EXPECT_EQ(load.succeeded, requests) << load.text << weir_.process().err();
    EXPECT_EQ(load.status_2xx, requests) << load.text;
    EXPECT_EQ(load.failed + load.errored + load.timeout, 0) << load.text;
  }

  test::TemporaryFolder folder_;
  test::CertificateAuthority ca_{folder_};
  ServedFiles files_{folder_};
  uint16_t port_ = test::freePort();
  ScriptedOrigin echo_{ScriptedOrigin::echoing()};
  ScriptedOrigin trailers_{tellTrailers};
  test::Nginx nginx_{
      "server { listen 127.0.0.1:" + std::to_string(port_) + "; root " + files_.root() + "; }",
      {port_}};
  test::WeirProcess weir_{configuration()};
};

TEST_F(Http2ClientsTest, CurlGetsFilesOfEverySize) {
  EXPECT_EQ(files_.fetchAll(tls(), trusting({"--http2", "--parallel"})), "2");
  EXPECT_EQ(files_.fetchAll(plain(), {test::kPriorKnowledge}), "2");
  EXPECT_EQ(files_.fetchAll(tls(), trusting({"--http1.1"})), "1.1");
}

TEST_F(Http2ClientsTest, CurlSendsFilesOfEverySize) {
  for (const size_t size : ServedFiles::sizes()) {
    const std::string sent = files_.root() + "/" + ServedFiles::name(size);
    const Finished finished = test::curl(
        trusting({"--http2", "--data-binary", "@" + sent, "--output", folder_.file("echo"),
                  "--write-out", "%{http_version}", tls("/echo")}));
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(finished.out, "2");
    const std::string echo = test::readFile(folder_.file("echo"));
    EXPECT_THAT(echo.substr(0, 1000), HasSubstr("POST /echo HTTP/1.1"));
    EXPECT_TRUE(echo.ends_with(ServedFiles::content(size))) << size;
    EXPECT_LT(echo.size(), size + 2000);
  }
}

TEST_F(Http2ClientsTest, AnUpgradeToHttp2IsServedAsHttp1) {
  const Finished finished =
      test::curl({"--http2", "--write-out", "%{http_version} %{response_code}", plain("/echo")});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_THAT(finished.out, ::testing::EndsWith("1.1 200"));
  EXPECT_THAT(finished.out, Not(HasSubstr("h2c")));
  EXPECT_THAT(finished.out, Not(HasSubstr("http2-settings")));
}

TEST_F(Http2ClientsTest, NghttpWithManyStreamsAndTrailersBothWays) {
  for (const std::string& url : {tls("/trailers"), plain("/trailers")}) {
    const Finished finished = test::runToEnd(
        {"nghttp", "--verbose", "--no-verify-peer", "--multiply=60", "--data",
         files_.root() + "/" + ServedFiles::name(16'385), "--trailer=x-check: 7", url});
    EXPECT_EQ(finished.code, 0) << finished.err;
    // nghttp sends Content-Length, behind which HTTP/1 has no room for trailers.
    EXPECT_EQ(count(finished.out, "body=16385 trailer=none"), 60u) << finished.out.substr(0, 4000);
    EXPECT_EQ(count(finished.out, "x-end: yes"), 60u);
    EXPECT_EQ(count(finished.out, "RST_STREAM"), 0u);
  }
}

TEST_F(Http2ClientsTest, SmallWindowsAndPaddingOfNghttpDoNotMatter) {
  for (const size_t size : {size_t{16'385}, size_t{65'535}, size_t{1} << 20}) {
    const std::string file = "/" + ServedFiles::name(size);
    const Command command = {"nghttp", "--window-bits=10", "--connection-window-bits=16",
                             "--padding=255"};
    Command get = command;
    get.push_back(plain(file));
    EXPECT_TRUE(test::runToEnd(get).out == ServedFiles::content(size)) << size;
    Command post = command;
    post.insert(post.end(), {"--data", files_.root() + file, plain("/echo")});
    EXPECT_TRUE(test::runToEnd(post).out.ends_with(ServedFiles::content(size))) << size;
  }
}

TEST_F(Http2ClientsTest, H2loadWithAHundredStreams) {
  for (const std::string& url : {tls("/f1023"), plain("/f1023")}) {
    expectAll(test::load({"-n", "4000", "-c", "2", "-m", "100"}, url), 4000);
    expectAll(test::load({"-n", "400", "-c", "4", "-m", "100", "-d",
                          files_.root() + "/" + ServedFiles::name(65'536)},
                         url.substr(0, url.rfind('/')) + "/echo"),
              400);
  }
  expectAll(test::load({"-n", "100", "-c", "1", "-m", "100"}, tls("/f1000003")), 100);
}

TEST_F(Http2ClientsTest, HaproxyAsAClient) {
  const uint16_t port = test::freePort();
  test::Haproxy haproxy("listen edge\n  bind 127.0.0.1:" + std::to_string(port) +
                            "\n  server weir 127.0.0.1:" + std::to_string(weir_.port("plain")) +
                            " proto h2\n",
                        port);
  ASSERT_TRUE(haproxy.ready()) << haproxy.log();
  const std::string url = "http://127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(files_.fetchAll(url, {"--parallel"}), "1.1");
  const std::string sent = files_.root() + "/" + ServedFiles::name(1 << 20);
  const Finished finished =
      test::curl({"--data-binary", "@" + sent, "--output", folder_.file("echo"), url + "/echo"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_TRUE(test::readFile(folder_.file("echo")).ends_with(ServedFiles::content(1 << 20)));
  EXPECT_THAT(test::readFile(folder_.file("access.log")), Not(HasSubstr("HTTP/1")));
}

}  // namespace
}  // namespace weir
