// The filter in a whole proxy: its bytes and its framing on real connections.

#include <string>

#include "gtest/gtest.h"

#include "test/extensions/http_filters/compressor/compressor_fixture.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::compressor {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

const std::string kPage(100'000, 'p');

std::string config(const ScriptedOrigin& origin) {
  return test::runtime(1) +
         test::edgeListener("http_filters { config { [http_filters/compressor] {} } }", R"(
      routes { match { prefix: "/large/" } route { cluster: "origin" }
        filters { name: "compressor" config { [http_filters/compressor] { min_bytes: 1000000 } } } }
      routes { match { prefix: "/off/" } route { cluster: "origin" }
        filters { name: "compressor" disabled: true } }
      routes { route { cluster: "origin" } })") +
         test::cluster("origin", {origin.address()});
}

TEST(CompressorProxy, RoutesAndRepeatedUse) {
  ScriptedOrigin origin(
      ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: " +
                                std::to_string(kPage.size()) + "\r\n\r\n" + kPage));
  test::InProcessProxy proxy(config(origin));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  for (const std::string path : {"/", "/large/a", "/", "/off/a", "/"}) {
    client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br\r\n\r\n");
    const RawMessage answer = client.readMessage();
    ASSERT_TRUE(answer.complete);
    EXPECT_EQ(answer.header("content-encoding"), path == "/" ? "br" : "");
    EXPECT_EQ(answer.header("vary"), path == "/" ? "accept-encoding" : "");
    EXPECT_TRUE(decoded(answer.header("content-encoding"), answer.body) == kPage);
  }
  EXPECT_EQ(proxy.stat("compressor_responses_total", {{"filter", "edge"}, {"coding", "br"}}), 3);
  EXPECT_EQ(origin.connections(), 1);
}

// HTTP/1.0 has no chunks: the end of the connection is the end.
TEST(CompressorProxy, OldClientsReadUntilTheEnd) {
  ScriptedOrigin origin(
      ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: " +
                                std::to_string(kPage.size()) + "\r\n\r\n" + kPage));
  test::InProcessProxy proxy(config(origin));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  client.send("GET / HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
  const std::string all = client.readAll();
  EXPECT_EQ(all.find("Transfer-Encoding"), std::string::npos);
  EXPECT_TRUE(decoded("gzip", all.substr(all.find("\r\n\r\n") + 4)) == kPage);
}

}  // namespace
}  // namespace weir::extensions::http_filters::compressor
