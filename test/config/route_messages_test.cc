// What people read when routes or virtual hosts are configured wrongly.

#include "test/config/messages.h"

namespace weir::config {
namespace {

TEST(RouteMessages, UnknownCluster) {
  EXPECT_EQ(
      findings(withRoute("route { cluster: \"wbe\" }")),
      base::concat("w.textproto:3:18: ", kRoute,
                   ".route.cluster: there is no cluster \"wbe\"; did you mean \"web\"? known: "
                   "api, web\n"));
  EXPECT_EQ(findings(withRoute("route { }")),
            base::concat("w.textproto:3:1: ", kRoute,
                         ".route.cluster: is required; name a cluster of this file\n"));
}

TEST(RouteMessages, RouteWithoutAction) {
  EXPECT_EQ(findings(withRoute("name: \"x\"")),
            base::concat("w.textproto:2:40: ", kRoute,
                         ".route: the route has no action; give one of route, redirect, "
                         "direct_response\n"));
}

TEST(RouteMessages, RouteMatches) {
  const auto match = [](std::string_view match) {
    return findings(withRoute(base::concat("match { ", match, " } route { cluster: \"web\" }")));
  };
  EXPECT_EQ(match("prefix: \"api\""),
            base::concat("w.textproto:3:17: ", kRoute,
                         ".match.prefix: a path begins with \"/\"; write \"/api\"\n"));
  EXPECT_EQ(match("path: \"/a?b=c\""),
            base::concat("w.textproto:3:15: ", kRoute,
                         ".match.path: would never match: the query is not part of what is "
                         "matched; write \"/a\"\n"));
  EXPECT_EQ(
      match("segment_prefix: \"/a b\""),
      base::concat("w.textproto:3:25: ", kRoute,
                   ".match.segment_prefix: would never match: a path has no spaces or control "
                   "characters; write them percent-encoded\n"));
  EXPECT_EQ(match(""), "");
}

TEST(RouteMessages, BadRegex) {
  const std::string found =
      findings(withRoute("match { regex: \"/(a\" } route { cluster: \"web\" }"));
  EXPECT_TRUE(found.starts_with(base::concat("w.textproto:3:16: ", kRoute, ".match.regex: ")))
      << found;
  EXPECT_NE(found.find("/(a"), std::string::npos) << found;
}

TEST(RouteMessages, Redirects) {
  EXPECT_EQ(
      findings(withRoute("redirect {\n"
                         "status: 300 scheme: \"ftp\" host: \"a b\"\n"
                         "path: \"/x\\r\\ny\" }")),
      base::concat("w.textproto:4:9: ", kRoute,
                   ".redirect.status: 300 is not the status of a redirect; use 301, 302, 303, 307 "
                   "or 308\n",
                   "w.textproto:4:21: ", kRoute,
                   ".redirect.scheme: there is no redirect to \"ftp\"; use \"http\" or \"https\"\n",
                   "w.textproto:4:33: ", kRoute,
                   ".redirect.host: \"a b\" is not a host; write \"host\" or \"host:port\"\n",
                   "w.textproto:5:7: ", kRoute,
                   ".redirect.path: \"/x\\r\\ny\" is not a path; begin it with \"/\" and "
                   "percent-encode spaces and control characters\n"));
  EXPECT_EQ(findings(withRoute("redirect { status: 308 }")),
            base::concat("w.textproto:3:1: ", kRoute,
                         ".redirect: would send every request back to where it came from; give "
                         "scheme, host, path or strip_query\n"));
}

TEST(RouteMessages, DirectResponses) {
  EXPECT_EQ(findings(withRoute("direct_response { body: \"x\" content_type: \"a\\nb\" }")),
            base::concat("w.textproto:3:1: ", kRoute,
                         ".direct_response.status: is required; use 200 to 599\n",
                         "w.textproto:3:43: ", kRoute,
                         ".direct_response.content_type: has control characters; write a media "
                         "type: \"text/html\"\n"));
  EXPECT_EQ(findings(withRoute("direct_response { status: 100 }")),
            base::concat("w.textproto:3:27: ", kRoute,
                         ".direct_response.status: 100 is out of range; it must be 200 to 599\n"));
  EXPECT_EQ(findings(withRoute("direct_response { status: 204 body: \"x\" }")),
            base::concat("w.textproto:3:37: ", kRoute,
                         ".direct_response.body: a response with status 204 has no body; leave it "
                         "out or use another status\n"));
  EXPECT_EQ(
      findings(withRoute("direct_response { status: 200 body_file: \"no/such/page\" }")),
      base::concat("w.textproto:3:42: ", kRoute,
                   ".direct_response.body_file: cannot read \"no/such/page\": No such file or "
                   "directory; relative paths start at the folder of the configuration "
                   "file\n"));
  EXPECT_EQ(findings(withRoute(base::concat("direct_response { status: 200 body: \"",
                                            std::string(65537, 'x'), "\" }"))),
            base::concat("w.textproto:3:37: ", kRoute,
                         ".direct_response.body: is larger than 64 KiB; serve large bodies from an "
                         "origin\n"));
}

TEST(RouteMessages, VirtualHosts) {
  EXPECT_EQ(
      findings(withHosts("")),
      "w.textproto:1:82: listeners[0].filter_chains[0].filters[0].config.virtual_hosts: at "
      "least one virtual host is required; add virtual_hosts { name: \"all\" domains: \"*\" … "
      "}\n");
  constexpr std::string_view kRoutes = " routes { route { cluster: \"web\" } } }\n";
  EXPECT_EQ(
      findings(withHosts(base::concat("virtual_hosts { name: \"v\" domains: \"A.example\"", kRoutes,
                                      "virtual_hosts { name: \"v\" domains: \"a.EXAMPLE\"", kRoutes,
                                      "virtual_hosts { }"))),
      base::concat(
          "w.textproto:3:23: ", kHosts,
          "[1].name: there is another virtual host \"v\"; the first is number 1, each needs its "
          "own\n",
          "w.textproto:3:36: ", kHosts,
          "[1].domains[0]: \"a.EXAMPLE\" belongs to virtual host \"v\" already; a domain can be in "
          "one place only\n",
          "w.textproto:4:1: ", kHosts, "[2].name: is required; it stands in access logs\n",
          "w.textproto:4:1: ", kHosts,
          "[2].domains: a virtual host needs a domain; write domains: \"*\" for any\n",
          "w.textproto:4:1: ", kHosts,
          "[2].routes: a virtual host needs a route; add routes { route { cluster: \"…\" } }\n"));
}

}  // namespace
}  // namespace weir::config
