// The filter in a whole proxy.

#include <string>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::buffer_ {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

TEST(BufferProxy, ServersSeeWholeRequests) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(
      test::runtime(1) +
      test::edgeListener(
          "http_filters { config { [http_filters/buffer] { max_request_bytes: 20 } } }",
          R"(
      routes { match { prefix: "/large/" } route { cluster: "origin" }
        filters { name: "buffer" config { [http_filters/buffer] { max_request_bytes: 100 } } } }
      routes { match { prefix: "/off/" } route { cluster: "origin" }
        filters { name: "buffer" disabled: true } }
      routes { route { cluster: "origin" } })") +
      test::cluster("origin", {origin.address()}));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  const auto ask = [&](const std::string& path, const std::string& body) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx", body.size());
    client.send("POST " + path + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                size + "\r\n" + body + "\r\n0\r\n\r\n");
    return client.readMessage();
  };
  const RawMessage small = ask("/", "0123456789");
  EXPECT_NE(small.body.find("content-length: 10\n"), std::string::npos) << small.body;
  EXPECT_EQ(small.body.find("transfer-encoding"), std::string::npos) << small.body;
  const RawMessage large = ask("/large/", std::string(99, 'x'));
  EXPECT_NE(large.body.find("content-length: 99\n"), std::string::npos) << large.body;
  const RawMessage off = ask("/off/", std::string(1000, 'x'));
  EXPECT_NE(off.body.find("transfer-encoding: chunked\n"), std::string::npos);
  EXPECT_EQ(ask("/", std::string(21, 'x')).status(), 413);
  EXPECT_TRUE(client.closedByPeer());
  EXPECT_TRUE(proxy.waitForStat("buffer_too_large_total", 1, {{"filter", "edge"}}));
  EXPECT_EQ(origin.connections(), 1);
}

}  // namespace
}  // namespace weir::extensions::http_filters::buffer_
