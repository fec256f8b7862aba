// WebSockets over HTTP/2 (RFC 8441) as a browser opens them: headless Chromium over TLS, through
// Weir, to a WebSocket server that speaks HTTP/1.

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/http2_programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

// Reads the server's first message, sends three of its own, closes after their echoes, and reports
// how long the messages were and how the socket closed.
constexpr char kPage[] = R"(<!DOCTYPE html><link rel="icon" href="data:,"><script>
const socket = new WebSocket("wss://" + location.host + "/chat");
const got = [];
socket.binaryType = "arraybuffer";
socket.onmessage = (event) => {
  got.push(typeof event.data === "string" ? event.data.length : "b" + event.data.byteLength);
  if (got.length === 1) {
    socket.send("text");
    socket.send("x".repeat(200000));
    socket.send(new Uint8Array(1000000));
  }
  if (got.length === 4) socket.close(1000, "done");
};
socket.onclose = (event) => {
  fetch("/report?" + [event.code, event.wasClean, ...got].join("."));
};
</script>)";

class Http2WebSocketTest : public ::testing::Test {
 protected:
  std::string serverAddress() {
    EXPECT_TRUE(server_.waitForOutput("\n")) << server_.err();
    const std::string line = server_.out();
    return "127.0.0.1:" + std::to_string(std::atoi(line.c_str() + line.find(' ') + 1));
  }

  // `cluster`: that of "origin".
  std::string configuration(const std::string& cluster) {
    const auto pair = ca_.issue("localhost", "DNS:localhost");
    return R"(listeners { name: "edge" address: "127.0.0.1:0" filter_chains {
  filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*"
      routes { match { path: "/" } direct_response { status: 200 content_type: "text/html" body_file: ")" +
           folder_.write("page.html", kPage) + R"(" } }
      routes { match { path: "/report" } direct_response { status: 204 } }
      routes { route { cluster: "origin" } }
    }
    access_logs { config { [access_loggers/file] { path: ")" +
           log() +
           R"(" format: "%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS%" } } }
  } } }
  transport_socket { config { [transport_sockets/tls] {
    certificates { certificate_file: ")" +
           pair.certificate + "\" private_key_file: \"" + pair.key + "\" } } } } } }\n" + cluster +
           test::runtime();
  }

  // The line of the access log that begins with `start`, when it is there.
  std::string logged(const std::string& start, const test::ChildProcess& browser) {
    std::string line;
    EXPECT_TRUE(test::eventually(
        [&] {
          const std::string text = "\n" + test::readFile(log());
          const size_t at = text.find("\n" + start);
          if (at == std::string::npos || text.find('\n', at + 1) == std::string::npos) return false;
          line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
          return true;
        },
        std::chrono::seconds(40)))
        << test::readFile(log()) << browser.err();
    return line;
  }

  // It goes on until it is killed, with its files in a folder of its own.
  std::unique_ptr<test::ChildProcess> browse(const std::string& url) {
    return std::make_unique<test::ChildProcess>(test::Command{
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--ignore-certificate-errors", "--user-data-dir=" + folder_.file("browser"),
        "--remote-debugging-port=0", url});
  }

  // A browser does what the page says.
  void expectTalk(test::WeirProcess& weir);

  std::string log() const { return folder_.file("access.log"); }

  test::TemporaryFolder folder_;
  test::CertificateAuthority ca_{folder_};
  test::ChildProcess server_{{"python3", test::dataFile("test/e2e/websocket_server.py")}};
};

void Http2WebSocketTest::expectTalk(test::WeirProcess& weir) {
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  const auto browser = browse("https://localhost:" + std::to_string(weir.port("edge")) + "/");
  EXPECT_EQ(logged("GET /report?", *browser),
            "GET /report?1000.true.21.4.200000.b1000000 HTTP/2 204 -");
  EXPECT_EQ(logged("GET /chat ", *browser), "GET /chat HTTP/2 101 -");
  EXPECT_EQ(logged("GET / ", *browser), "GET / HTTP/2 200 -");
}

TEST_F(Http2WebSocketTest, ABrowserTalksOverAStreamOfItsConnection) {
  test::WeirProcess weir(configuration(test::cluster("origin", {serverAddress()})));
  expectTalk(weir);
}

// Extended CONNECT on both sides: HAProxy is asked over HTTP/2.
TEST_F(Http2WebSocketTest, ABrowserTalksThroughAnHttp2Endpoint) {
  const uint16_t port = test::freePort();
  test::Haproxy haproxy("listen origin\n  bind 127.0.0.1:" + std::to_string(port) +
                            " proto h2\n  server ws " + serverAddress() + "\n",
                        port);
  ASSERT_TRUE(haproxy.ready()) << haproxy.log();
  test::WeirProcess weir(configuration(test::cluster(
      "origin", {"127.0.0.1:" + std::to_string(port)}, "http_protocol: HTTP_PROTOCOL_HTTP2")));
  expectTalk(weir);
}

}  // namespace
}  // namespace weir
