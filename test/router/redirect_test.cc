#include "source/router/redirect.h"

#include <memory>

#include "gtest/gtest.h"

#include "source/router/route_actions.h"

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

TEST(RedirectTest, PortsQueriesAndRewriting) {
  EXPECT_EQ(locationOf({.scheme = "https", .port = 443}, "/", "shop.example:8080"),
            "https://shop.example/");
  EXPECT_EQ(locationOf({.scheme = "https", .port = 8443}, "/", "shop.example"),
            "https://shop.example:8443/");
  EXPECT_EQ(locationOf({.port = 65535}, "/", "[::1]:80"), "http://[::1]:65535/");
  EXPECT_EQ(locationOf({.host = "[::1]", .port = 80}, "/"), "http://[::1]/");
  EXPECT_EQ(locationOf({.query = "a=1"}, "/x?b=2"), "http://shop.example/x?a=1");
  EXPECT_EQ(locationOf({.path = "/y?c", .query = "a=1"}, "/x?b=2"), "http://shop.example/y?c&a=1");
  PathRewrite rewrite;
  rewrite.kind = PathRewrite::Kind::kPrefix;
  rewrite.matched = "/old";
  rewrite.text = "/new";
  const auto shared = std::make_shared<const PathRewrite>(rewrite);
  EXPECT_EQ(locationOf({.rewrite = shared}, "/old/x?y"), "http://shop.example/new/x?y");
  EXPECT_EQ(locationOf({.strip_query = true, .rewrite = shared}, "/old?y"),
            "http://shop.example/new");
  rewrite.text = "/..";
  EXPECT_EQ(locationOf({.rewrite = std::make_shared<const PathRewrite>(rewrite)}, "/old/x"), "");
}

TEST(RedirectTest, NeverSplitsTheHead) {
  EXPECT_EQ(locationOf({}, "/a\r\nSet-Cookie: x"), "");
  EXPECT_EQ(locationOf({}, "/a", "shop\nexample"), "");
  EXPECT_EQ(locationOf({}, std::string_view("/a\0b", 4)), "");
}

}  // namespace
}  // namespace weir::router
