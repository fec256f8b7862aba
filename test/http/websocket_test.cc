#include "source/http/websocket.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace weir::http {
namespace {

std::string acceptOf(std::string_view key) {
  const auto accept = webSocketAccept(key);
  return {accept.data(), accept.size()};
}

TEST(WebSocketTest, AcceptOfRfc6455) {
  EXPECT_EQ(acceptOf("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(acceptOf("x3JJHMbDL1EzLkh9GBhXDw=="), "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

TEST(WebSocketTest, KeysAreSixteenRandomBytesInBase64) {
  base::Random random(7);
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const auto made = makeWebSocketKey(random);
    const std::string key(made.data(), made.size());
    EXPECT_TRUE(seen.insert(key).second);
    EXPECT_EQ(key.substr(22), "==");
    EXPECT_EQ(
        key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
        22u);
    // Of the last digit before the padding only two bits are used.
    EXPECT_NE(std::string_view("AQgw").find(key[21]), std::string_view::npos);
  }
}

}  // namespace
}  // namespace weir::http
