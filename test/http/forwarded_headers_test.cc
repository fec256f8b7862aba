#include "source/http/forwarded_headers.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

struct ForwardedHeadersTest : ::testing::Test {
  ForwardedHeadersTest() {
    head.scheme = "http";
    head.authority = "example.com";
    info.downstream_direct = info.downstream_remote = &peer;
  }
  void apply() { applyForwardedHeaders(options, head, info, client); }

  network::Address peer = network::Address::parse("10.0.0.1:5000").value();
  network::Address client;
  ForwardedHeaders options;
  RequestHead head;
  StreamInfo info;
};

TEST_F(ForwardedHeadersTest, NthFromRightOverLines) {
  head.headers.add("X-Forwarded-For", "1.1.1.1, 2.2.2.2");
  head.headers.add("X-Forwarded-For", " 3.3.3.3 ,");
  EXPECT_EQ(nthFromRight(head.headers, HeaderId::kXForwardedFor, 1), "3.3.3.3");
  EXPECT_EQ(nthFromRight(head.headers, HeaderId::kXForwardedFor, 2), "2.2.2.2");
  EXPECT_EQ(nthFromRight(head.headers, HeaderId::kXForwardedFor, 9), "1.1.1.1");
  EXPECT_EQ(nthFromRight(head.headers, HeaderId::kVia, 1), "");
}

TEST_F(ForwardedHeadersTest, UntrustedFieldsAreReplaced) {
  head.headers.add("X-Forwarded-For", "6.6.6.6");
  head.headers.add("X-Forwarded-For", "7.7.7.7");
  head.headers.add("X-Forwarded-Host", "evil");
  apply();
  EXPECT_EQ(head.headers.get(HeaderId::kXForwardedFor), "10.0.0.1");
  EXPECT_EQ(head.headers.count(HeaderId::kXForwardedFor), 1u);
  EXPECT_EQ(head.headers.get(HeaderId::kXForwardedHost), "example.com");
  EXPECT_EQ(head.headers.get(HeaderId::kXForwardedProto), "http");
  EXPECT_EQ(info.downstream_remote, &peer);
}

TEST_F(ForwardedHeadersTest, UntrustedFieldsGoEvenWhenNoneIsAdded) {
  options.add_forwarded_for = options.add_forwarded_host = options.add_forwarded_proto = false;
  head.headers.add("X-Forwarded-For", "6.6.6.6");
  head.headers.add("X-Forwarded-Host", "evil");
  apply();
  EXPECT_TRUE(head.headers.empty());
}

TEST_F(ForwardedHeadersTest, TrustedPeersNameTheClient) {
  options.trusted_hops = 2;
  head.headers.add("X-Forwarded-For", "6.6.6.6, [2001:db8::1]:99, 10.0.0.2");
  head.headers.add("X-Forwarded-Proto", "https");
  apply();
  EXPECT_EQ(head.headers.get(HeaderId::kXForwardedFor),
            "6.6.6.6, [2001:db8::1]:99, 10.0.0.2, 10.0.0.1");
  EXPECT_EQ(head.headers.get(HeaderId::kXForwardedProto), "https");
  EXPECT_EQ(info.downstream_remote, &client);
  EXPECT_EQ(client.ip(), "2001:db8::1");
}

TEST_F(ForwardedHeadersTest, ClientAddressForms) {
  options.trusted_hops = 1;
  for (const auto& [text, ip] : {std::pair{"1.2.3.4", "1.2.3.4"},
                                 {"1.2.3.4:80", "1.2.3.4"},
                                 {"2001:db8::2", "2001:db8::2"},
                                 {"[::1]", "::1"}}) {
    head.headers.set(HeaderId::kXForwardedFor, text);
    apply();
    EXPECT_EQ(info.downstream_remote->ip(), ip) << text;
  }
  info.downstream_remote = &peer;
  for (const char* text : {"unknown", "_hidden", "1.2.3", "[::1", ""}) {
    head.headers.set(HeaderId::kXForwardedFor, text);
    apply();
    EXPECT_EQ(info.downstream_remote, &peer) << text;
  }
}

}  // namespace
}  // namespace weir::http
