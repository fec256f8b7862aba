// The filter in a whole proxy.

#include <string>

#include "gtest/gtest.h"

#include "test/support/child_process.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::static_files {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

TEST(StaticFilesProxy, FilesBesideServers) {
  test::TemporaryFolder folder;
  const std::string large(3'000'000, 'l');
  folder.write("large.bin", large);
  folder.write("a.txt", "a file");
  ScriptedOrigin origin(
      ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\norigin"));
  test::InProcessProxy proxy(
      test::runtime(1) +
      test::edgeListener("http_filters { config { [http_filters/static_files] {} } }",
                         R"(
      routes { match { prefix: "/files/" } route { cluster: "origin" }
        filters { name: "static_files" config { [http_filters/static_files] { root: ")" +
                             folder.path() + R"(" prefix: "/files/" fall_through: true } } } }
      routes { route { cluster: "origin" } })") +
      test::cluster("origin", {origin.address()}));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  const auto ask = [&](const std::string& path, const std::string& fields = "") {
    client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    return client.readMessage();
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask("/files/a.txt").body, "a file");
    EXPECT_EQ(ask("/files/absent").body, "origin");
    EXPECT_EQ(ask("/").body, "origin");
    EXPECT_TRUE(ask("/files/large.bin").body == large);
    const RawMessage part = ask("/files/large.bin", "Range: bytes=2999990-\r\n");
    EXPECT_EQ(part.status(), 206);
    EXPECT_EQ(part.body.size(), 10u);
  }
  EXPECT_EQ(origin.connections(), 1);
}

}  // namespace
}  // namespace weir::extensions::http_filters::static_files
