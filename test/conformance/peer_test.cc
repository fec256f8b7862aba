// The tests' own HTTP/2 peer against servers and a client that others wrote: what it believes of
// the protocol, they believe too.

#include <sys/stat.h>

#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/child_process.h"
#include "test/support/http2_peer.h"
#include "test/support/scripted_origin.h"

namespace weir::test::http2 {
namespace {

constexpr size_t kLarge = 300'000;

// What every server must do, by the same rules.
void expectRightConversation(uint16_t port) {
  Http2Peer peer = Http2Peer::connectTo(port);
  ASSERT_TRUE(peer.start({{Setting::kEnablePush, 0}})) << peer.whatCame();
  EXPECT_TRUE(peer.serves("/small")) << peer.whatCame();
  EXPECT_TRUE(peer.roundTrip());
  EXPECT_EQ(peer.finish(peer.request(get("/large"))).body.size(), kLarge);
  // A closed window holds the body back, and another stream goes on.
  ASSERT_TRUE(peer.sendSettings({{Setting::kInitialWindowSize, 0}}));
  ASSERT_TRUE(peer.until([&] { return peer.settingsAcks() == 2; }));
  const uint32_t held = peer.request(get("/large"));
  ASSERT_TRUE(peer.until([&] { return peer.message(held).status() == 200; }));
  EXPECT_TRUE(peer.roundTrip());
  EXPECT_EQ(peer.message(held).body, "");
  peer.openWindow(held, 10);
  ASSERT_TRUE(peer.until([&] { return !peer.message(held).body.empty(); })) << peer.whatCame();
  EXPECT_EQ(peer.message(held).body.size(), 10u);
  EXPECT_EQ(peer.finish(held).body.size(), kLarge);
  EXPECT_EQ(peer.violations(), "");
  // Errors of the connection.
  const std::string wrong = data(0, "x");
  peer.send(wrong);
  EXPECT_TRUE(peer.connectionError({ErrorCode::kProtocolError}, true));
}

TEST(Http2Peer, SpeaksWithNginx) {
  const uint16_t port = freePort();
  TemporaryFolder files;
  ::chmod(files.path().c_str(), 0755);
  files.write("small", "small");
  files.write("large", std::string(kLarge, 'x'));
  Nginx nginx(
      "server { listen 127.0.0.1:" + std::to_string(port) + " http2; root " + files.path() + "; }",
      {port});
  ASSERT_TRUE(nginx.ready()) << nginx.log();
  expectRightConversation(port);
}

TEST(Http2Peer, SpeaksWithHaproxy) {
  const uint16_t port = freePort();
  TemporaryFolder folder;
  const std::string large = folder.write("large", std::string(kLarge, 'x'));
  const std::string config = folder.write(
      "haproxy.cfg",
      "global\n  tune.bufsize 400000\ndefaults\n  mode http\n  timeout client 20s\n"
      "frontend f\n  bind 127.0.0.1:" +
          std::to_string(port) +
          " proto h2\n  http-request return status 200 content-type text/plain file " + large +
          " if { path /large }\n"
          "  http-request return status 200 content-type text/plain string small\n");
  ChildProcess haproxy({"haproxy", "-db", "-f", config});
  ASSERT_TRUE(accepts(port, haproxy)) << haproxy.err();
  expectRightConversation(port);
}

TEST(Http2Peer, AnswersCurl) {
  std::string violations;
  auto origin = std::make_unique<ScriptedOrigin>([&](RawConnection& connection, int) {
    Http2Peer peer(connection);
    if (!peer.start()) return;
    while (const auto stream = peer.nextRequest()) {
      const Message& request = peer.finish(*stream);
      peer.respond(*stream, 200, request.header(":path") + " " + request.body);
    }
    violations += peer.violations();
  });
  const Finished curl =
      runToEnd({"curl", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*",
                "--http2-prior-knowledge", "--data", "hello", "--write-out", " %{http_version}",
                "http://" + origin->address() + "/echo"});
  EXPECT_EQ(curl.out, "/echo hello 2") << curl.err;
  origin.reset();
  EXPECT_EQ(violations, "");
}

}  // namespace
}  // namespace weir::test::http2
