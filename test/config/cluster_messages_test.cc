// What people read when clusters are configured wrongly.

#include "test/config/messages.h"

namespace weir::config {
namespace {

TEST(ClusterMessages, Clusters) {
  EXPECT_EQ(findings(withCluster("")),
            "w.textproto:2:1: clusters[0].name: is required; routes refer to it\n"
            "w.textproto:2:1: clusters[0].endpoints: a cluster needs an endpoint; add endpoints { "
            "address: \"10.0.0.1:80\" }\n");
  EXPECT_EQ(
      findings(base::concat(withCluster("name: \"a\" endpoints { address: \"10.0.0.1:80\" }"),
                            "\nclusters { name: \"a\" endpoints { address: \"10.0.0.1:80\" } }")),
      "w.textproto:5:18: clusters[1].name: there is another cluster \"a\"; the first is number "
      "1, each needs its own\n");
}

TEST(ClusterMessages, Endpoints) {
  EXPECT_EQ(
      findings(withCluster("name: \"c\"\n"
                           "endpoints { address: \"10.0.0.1:80\" id: \"x\" weight: 70000 }\n"
                           "endpoints { address: \"10.0.0.1:80\" id: \"x\" }\n"
                           "endpoints { address: \"10.0.0.1:0\" }\n"
                           "endpoints { address: \"db.example:80\" }\n"
                           "endpoints { }")),
      "w.textproto:4:52: clusters[0].endpoints[0].weight: 70000 is out of range; it must be 0 to "
      "65535\n"
      "w.textproto:5:22: clusters[0].endpoints[1].address: there is another endpoint with the "
      "address \"10.0.0.1:80\"; the first is number 1, each needs its own\n"
      "w.textproto:5:40: clusters[0].endpoints[1].id: there is another endpoint \"x\"; the first "
      "is "
      "number 1, each needs its own\n"
      "w.textproto:6:22: clusters[0].endpoints[2].address: \"10.0.0.1:0\": port 0 names no peer; "
      "use "
      "1 to 65535\n"
      "w.textproto:7:22: clusters[0].endpoints[3].address: \"db.example\" is a name, and an "
      "address is needed here; write an IP address, or have names resolved: discovery { config { "
      "[clusters/strict_dns] {} } }\n"
      "w.textproto:8:1: clusters[0].endpoints[4].address: is required; write \"127.0.0.1:80\", "
      "\"[::1]:80\" or \"unix:/path\"\n");
}

TEST(ClusterMessages, WeightZeroEverywhere) {
  EXPECT_EQ(findings(withCluster("name: \"c\"\nendpoints { address: \"10.0.0.1:80\" weight: 0 }\n"
                                 "endpoints { address: \"10.0.0.2:80\" weight: 0 }")),
            "w.textproto:4:1: clusters[0].endpoints: every endpoint has weight 0, none would get "
            "traffic; give at least one a weight of 1 or more\n");
}

TEST(ClusterMessages, ClusterLimits) {
  EXPECT_EQ(
      findings(withCluster("name: \"c\" endpoints { address: \"10.0.0.1:80\" }\n"
                           "connect_timeout { nanos: 1 } idle_timeout { seconds: -1 }\n"
                           "max_connections: 0\nmax_pending_requests: 10000001")),
      "w.textproto:4:1: clusters[0].connect_timeout: is shorter than 1 ms; it must be 1 ms to "
      "10 min\n"
      "w.textproto:4:30: clusters[0].idle_timeout: a duration cannot be negative; it must be "
      "0 s to 24 h\n"
      "w.textproto:5:18: clusters[0].max_connections: 0 is out of range; it must be 1 to "
      "10000000\n"
      "w.textproto:6:23: clusters[0].max_pending_requests: 10000001 is out of range; it must "
      "be 0 to 10000000\n");
}

TEST(ClusterMessages, ClusterProtocols) {
  EXPECT_EQ(
      findings(withCluster("name: \"c\" endpoints { address: \"10.0.0.1:80\" }\n"
                           "http2 { }\nstreams_per_connection: 1")),
      "w.textproto:4:1: clusters[0].http2: is for HTTP/2, but the cluster speaks HTTP/1; set "
      "http_protocol: HTTP_PROTOCOL_HTTP2 or HTTP_PROTOCOL_AUTO as well\n"
      "w.textproto:5:25: clusters[0].streams_per_connection: is for HTTP/2, but the cluster speaks "
      "HTTP/1; set http_protocol: HTTP_PROTOCOL_HTTP2 or HTTP_PROTOCOL_AUTO as well\n");
  EXPECT_EQ(
      findings(withCluster("name: \"c\" endpoints { address: \"10.0.0.1:80\" }\n"
                           "http_protocol: HTTP_PROTOCOL_HTTP2\n"
                           "http2 { max_frame_bytes: 1 limits { interval { } } }\n"
                           "streams_per_connection: 2147483648\nmax_requests: 10000001")),
      "w.textproto:5:26: clusters[0].http2.max_frame_bytes: 1 is out of range; it must be 16384 to "
      "16777215\n"
      "w.textproto:5:37: clusters[0].http2.limits.interval: 0 s is out of range; it must be 100 ms "
      "to 24 h\n"
      "w.textproto:6:25: clusters[0].streams_per_connection: 2147483648 is out of range; it must "
      "be "
      "1 to 2147483647\n"
      "w.textproto:7:15: clusters[0].max_requests: 10000001 is out of range; it must be 1 to "
      "10000000\n");
  EXPECT_EQ(
      findings(withCluster("name: \"c\" endpoints { address: \"10.0.0.1:80\" }\n"
                           "http_protocol: HTTP_PROTOCOL_AUTO")),
      "w.textproto:4:16: clusters[0].http_protocol: endpoints choose the protocol by ALPN, "
      "which only TLS has; add transport_socket { config { [transport_sockets/upstream_tls] { "
      "} } }, or say HTTP_PROTOCOL_HTTP1 or HTTP_PROTOCOL_HTTP2\n");
}

}  // namespace
}  // namespace weir::config
