// Redirects of endpoints that the router follows itself: what it makes of the request, and when the
// client gets them instead.

#include "source/router/internal_redirect.h"

#include <memory>
#include <string>
#include <string_view>

#include "test/router/grpc_fixture.h"

namespace weir::router {
namespace {

using http::HeaderId;

class InternalRedirectTest : public RouterTest {
 protected:
  InternalRedirectTest() { apply(); }

  std::unique_ptr<Stream> sent(std::string_view path = "/followed/a/b?q=1",
                               std::string_view method = "GET") {
    auto s = made(path, method);
    s->send();
    received(0);
    return s;
  }
  std::unique_ptr<Stream> made(std::string_view path, std::string_view method) {
    auto s = stream(method, path);
    Stream* const raw = s.get();
    s->sink.may_restart = true;
    s->sink.resolve = [this, raw] { return table->resolve(raw->request, raw->info); };
    return s;
  }
  void redirect(std::string_view location, int status = 302) {
    origin.send(0, "HTTP/1.1 " + std::to_string(status) + " Away\r\nLocation: " +
                       std::string(location) + "\r\nContent-Length: 4\r\n\r\naway");
  }
};

TEST_F(InternalRedirectTest, TheRequestComesAgainWithTheNewTarget) {
  auto s = sent();
  redirect("/hedged?x=2");
  ASSERT_TRUE(ended(*s));
  ASSERT_TRUE(s->sink.restarted);
  EXPECT_EQ(*s->sink.restarted, "");
  EXPECT_EQ(s->sink.heads, 0);
  EXPECT_EQ(s->request.method, "GET");
  EXPECT_EQ(s->request.path, "/hedged?x=2");
  EXPECT_EQ(s->request.headers.get("x-weir-original-url"), "http://shop.example/followed/a/b?q=1");
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kInternalRedirect));
  EXPECT_EQ(s->sink.resolve(), s->sink.route);
}

// The rest of the redirect is read: the connection is as good as any.
TEST_F(InternalRedirectTest, TheConnectionIsKept) {
  auto s = sent();
  redirect("/hedged");
  ASSERT_TRUE(ended(*s));
  worker.run();
  s.reset();
  EXPECT_TRUE(worker.until([&] { return worker.pool().idleConnections() == 1; }));
}

TEST_F(InternalRedirectTest, MethodAndBody) {
  struct Case {
    int status;
    std::string_view method, becomes, body;
  };
  for (const Case& c :
       {Case{301, "PUT", "PUT", "body"}, Case{301, "POST", "GET", ""}, Case{302, "POST", "GET", ""},
        Case{303, "PUT", "GET", ""}, Case{303, "POST", "GET", ""},
        Case{307, "POST", "POST", "body"}, Case{308, "POST", "POST", "body"}}) {
    auto s = made("/followed", c.method);
    s->request.framing = http::BodyFraming::kContentLength;
    s->request.content_length = 4;
    s->request.headers.add("content-type", "text/plain");
    s->sendHead();
    s->sendBody("body", true);
    received(0, "body");
    redirect("/hedged", c.status);
    ASSERT_TRUE(ended(*s));
    ASSERT_TRUE(s->sink.restarted) << c.status;
    EXPECT_EQ(*s->sink.restarted, c.body) << c.status;
    EXPECT_EQ(s->request.method, c.becomes) << c.status;
    EXPECT_EQ(s->request.headers.has(HeaderId::kContentType), !c.body.empty()) << c.status;
    const auto framing =
        c.body.empty() ? http::BodyFraming::kNone : http::BodyFraming::kContentLength;
    EXPECT_EQ(s->request.framing, framing);
    s.reset();
    worker.run();
  }
}

TEST_F(InternalRedirectTest, ABodyThatIsGoneStaysWhereItIs) {
  auto s = made("/followed", "PUT");
  s->request.framing = http::BodyFraming::kContentLength;
  s->request.content_length = 100'000;
  s->sendHead();
  s->sendBody(std::string(100'000, 'x'), true);
  received(0, "xxx");
  redirect("/hedged", 307);
  ASSERT_TRUE(ended(*s));
  EXPECT_FALSE(s->sink.restarted);
  EXPECT_EQ(s->sink.status, 307);
  EXPECT_EQ(s->sink.location, "/hedged");
}

TEST_F(InternalRedirectTest, OnlySoOften) {
  auto s = made("/followed", "GET");
  s->info.internal_redirects = 1;
  s->send();
  received(0);
  redirect("/hedged");
  ASSERT_TRUE(ended(*s));
  EXPECT_FALSE(s->sink.restarted);
  EXPECT_EQ(s->sink.status, 302);
}

TEST_F(InternalRedirectTest, WhereTheStreamCannotComeAgain) {
  auto s = made("/followed", "GET");
  s->sink.may_restart = false;
  s->send();
  received(0);
  redirect("/hedged");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 302);
  EXPECT_EQ(s->sink.body, "away");
}

TEST_F(InternalRedirectTest, OtherAnswersPass) {
  for (const int status : {200, 300, 304, 404, 500}) {
    auto s = sent();
    origin.send(0, "HTTP/1.1 " + std::to_string(status) + " X\r\nLocation: /hedged\r\n" +
                       (status == 304 ? "\r\n" : "Content-Length: 0\r\n\r\n"));
    ASSERT_TRUE(ended(*s));
    EXPECT_EQ(s->sink.status, status);
    EXPECT_FALSE(s->sink.restarted);
    s.reset();
    worker.run();
  }
}

// Without an origin.
class RedirectTargetTest : public InternalRedirectTest {
 protected:
  struct Asked {
    InternalRedirectPolicy policy = {};
    std::string_view location;
    int locations = 1;
  };
  // Where GET http://shop.example/followed/a/b?q=1 goes; "" when it does not.
  std::string target(const Asked& asked) {
    http::RequestHead request;
    http::ResponseHead response;
    base::Arena arena;
    http::HeaderMap none(arena), nothing(arena);
    http::StreamInfo info;
    FakeSink sink;
    sink.may_restart = true;
    sink.resolve = [&] { return table->resolve(request, info); };
    http::FilterChain chain(
        {request, response, none, nothing, info, arena, worker.dispatcher, worker.io.blocks()},
        sink);
    request.method = "GET";
    request.scheme = "http";
    request.authority = "shop.example";
    request.path = "/followed/a/b?q=1";
    for (const char* field : {"Host", "Authorization", "Cookie"}) request.headers.add(field, "x");
    response.status = 302;
    for (int i = 0; i < asked.locations; ++i) response.headers.add("Location", asked.location);
    bool keeps_body = false;
    const bool follows = followRedirect(asked.policy, 302, chain, keeps_body);
    secrets =
        request.headers.has(HeaderId::kAuthorization) || request.headers.has(HeaderId::kCookie);
    const std::string url = std::string(request.scheme) + "://" + std::string(request.authority) +
                            std::string(request.path);
    if (follows) return url;
    EXPECT_EQ(url, "http://shop.example/followed/a/b?q=1");
    EXPECT_EQ(request.method, "GET");
    EXPECT_FALSE(request.headers.has("x-weir-original-url"));
    return "";
  }
  std::string to(std::string_view location) { return target({.location = location}); }
  bool secrets = false;
};

TEST_F(RedirectTargetTest, References) {
  EXPECT_EQ(to("/c"), "http://shop.example/c");
  EXPECT_EQ(to("http://shop.example/c?d=e#f"), "http://shop.example/c?d=e");
  EXPECT_EQ(to("HTTP://SHOP.example/c"), "http://SHOP.example/c");
  EXPECT_EQ(to("//shop.example/c"), "http://shop.example/c");
  EXPECT_EQ(to("http://shop.example/followed"), "http://shop.example/followed");
  EXPECT_EQ(to("c"), "http://shop.example/followed/a/c");
  EXPECT_EQ(to("./c"), "http://shop.example/followed/a/c");
  EXPECT_EQ(to("../../c"), "http://shop.example/c");
  EXPECT_EQ(to("?d=e"), "http://shop.example/followed/a/b?d=e");
  EXPECT_EQ(to("/c//d/./e"), "http://shop.example/c/d/e");
  EXPECT_EQ(to("  /c "), "http://shop.example/c");
}

TEST_F(RedirectTargetTest, WhatIsNoTarget) {
  for (const char* location :
       {"http://", "http:///c", "http:/c", "http://user@shop.example/c", "http://shop.example:x/c",
        "ftp://shop.example/c", "javascript:alert(1)", "file:///etc/passwd", "unix:/run/x",
        "/../../../c", "/c%00", "/c%2f..%2fd", "/c\\d", "/c d", "/c\x01", "/\xc3\xa9",
        "http://[::1/c", "http://shop.example%2f@other/c"}) {
    EXPECT_EQ(to(location), "") << location;
  }
  EXPECT_EQ(target({.location = "/c", .locations = 2}), "");
  EXPECT_EQ(target({.location = "/c", .locations = 0}), "");
}

TEST_F(RedirectTargetTest, NoRouteNoWay) {
  // The routes are those of the virtual host alone: "/" is in none.
  EXPECT_EQ(to("/"), "");
  EXPECT_EQ(to("/elsewhere"), "");
}

TEST_F(RedirectTargetTest, OtherHostsAndSchemesMustBeAllowed) {
  EXPECT_EQ(to("http://other.example/c"), "");
  EXPECT_EQ(to("http://shop.example:8080/c"), "");
  EXPECT_EQ(to("https://shop.example/c"), "");
  InternalRedirectPolicy schemes;
  schemes.other_schemes = true;
  EXPECT_EQ(target({.policy = schemes, .location = "https://shop.example/c"}),
            "https://shop.example/c");
  EXPECT_TRUE(secrets);
  EXPECT_EQ(target({.policy = schemes, .location = "https://other.example/c"}), "");
  InternalRedirectPolicy hosts;
  hosts.other_hosts = true;
  // There is no such virtual host; nor does a port make it another one.
  EXPECT_EQ(target({.policy = hosts, .location = "http://other.example/c"}), "");
  EXPECT_EQ(target({.policy = hosts, .location = "http://169.254.169.254/c"}), "");
  EXPECT_EQ(target({.policy = hosts, .location = "http://shop.example:8080/c"}),
            "http://shop.example:8080/c");
  EXPECT_FALSE(secrets);
}

TEST_F(RedirectTargetTest, OnlyRoutesThatAreNamed) {
  InternalRedirectPolicy policy;
  policy.routes = {"hedged", "hedged_retried"};
  EXPECT_EQ(target({.policy = policy, .location = "/hedged"}), "http://shop.example/hedged");
  EXPECT_EQ(target({.policy = policy, .location = "/c"}), "");
  // It is the normalised path that counts.
  EXPECT_EQ(target({.policy = policy, .location = "/hedged/../c"}), "");
  EXPECT_EQ(target({.policy = policy, .location = "/c/../%68edged"}), "http://shop.example/hedged");
}

TEST_F(RedirectTargetTest, OnlyStatusesThatAreChosen) {
  InternalRedirectPolicy policy;
  policy.statuses = InternalRedirectPolicy::bit(307);
  EXPECT_EQ(target({.policy = policy, .location = "/c"}), "");
}

}  // namespace
}  // namespace weir::router
