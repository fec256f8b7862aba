#include "source/router/redirect.h"

#include "gtest/gtest.h"

namespace weir::router {
namespace {

std::string locationOf(const RedirectAction& action, std::string_view path,
                       std::string_view authority = "shop.example",
                       std::string_view scheme = "http") {
  http::RequestHead head;
  head.scheme = scheme;
  head.authority = authority;
  head.path = path;
  base::Arena arena;
  return std::string(redirectLocation(action, head, arena));
}

TEST(RedirectTest, TakesFromTheRequestWhatTheActionDoesNotName) {
  EXPECT_EQ(locationOf({}, "/a?b=c"), "http://shop.example/a?b=c");
  EXPECT_EQ(locationOf({.scheme = "https"}, "/a?b"), "https://shop.example/a?b");
  EXPECT_EQ(locationOf({.host = "new.example:81"}, "/a"), "http://new.example:81/a");
  EXPECT_EQ(locationOf({.path = "/new"}, "/a?b"), "http://shop.example/new?b");
  EXPECT_EQ(locationOf({.path = "/new?x=1"}, "/a?b"), "http://shop.example/new?x=1&b");
  EXPECT_EQ(locationOf({.strip_query = true}, "/a?b"), "http://shop.example/a");
  EXPECT_EQ(locationOf({}, "*"), "http://shop.example/");
}

TEST(RedirectTest, AChangeOfSchemeDropsTheOldDefaultPort) {
  EXPECT_EQ(locationOf({.scheme = "https"}, "/", "shop.example:80"), "https://shop.example/");
  EXPECT_EQ(locationOf({.scheme = "https"}, "/", "shop.example:8080"),
            "https://shop.example:8080/");
  EXPECT_EQ(locationOf({.scheme = "http"}, "/", "shop.example:80"), "http://shop.example:80/");
  EXPECT_EQ(locationOf({.scheme = "http"}, "/", "[::1]:443", "https"), "http://[::1]/");
}

TEST(RedirectTest, NeverSplitsTheHead) {
  EXPECT_EQ(locationOf({}, "/a\r\nSet-Cookie: x"), "");
  EXPECT_EQ(locationOf({}, "/a", "shop\nexample"), "");
  EXPECT_EQ(locationOf({}, std::string_view("/a\0b", 4)), "");
}

}  // namespace
}  // namespace weir::router
