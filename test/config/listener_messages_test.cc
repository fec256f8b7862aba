// What people read when listeners or the process are configured wrongly.

#include "test/config/messages.h"

namespace weir::config {
namespace {

TEST(ListenerMessages, NothingToServe) {
  EXPECT_EQ(findings(""),
            "w.textproto:1:1: listeners: there is nothing to serve; add a listener, or at least "
            "admin\n");
}

TEST(ListenerMessages, ListenerFields) {
  EXPECT_EQ(
      findings("listeners {\n}"),
      "w.textproto:1:1: listeners[0].name: is required; it stands in statistics and messages\n"
      "w.textproto:1:1: listeners[0].address: is required; write \"127.0.0.1:80\", "
      "\"[::1]:80\" or \"unix:/path\"\n"
      "w.textproto:1:1: listeners[0].filter_chains: a listener needs a filter chain; add "
      "filter_chains { filters { … } }, or udp_filter { … } for datagrams\n");
  EXPECT_EQ(
      findings(withListener(base::concat("name: \"l\" address: \"0.0.0.0:70000\"\n",
                                         "backlog: 70000 max_connections: 20000000\n",
                                         "filter_chains { }"))),
      "w.textproto:2:20: listeners[0].address: \"0.0.0.0:70000\": the port is not a number "
      "from 0 to 65535; write \"127.0.0.1:80\", \"[::1]:80\", \"unix:/path\" or "
      "\"unix:@abstract\"\n"
      "w.textproto:3:10: listeners[0].backlog: 70000 is out of range; it must be 1 to 65535\n"
      "w.textproto:3:33: listeners[0].max_connections: 20000000 is out of range; it must be 0 "
      "to 10000000\n"
      "w.textproto:4:1: listeners[0].filter_chains[0].filters: a filter chain needs a filter; "
      "add filters { config { [network_filters/http_connection_manager] { … } } }\n");
}

std::string twoListeners(std::string_view first, std::string_view second) {
  return findings(base::concat("listeners { name: \"a\" address: \"", first, "\" ", kChain,
                               " }\nlisteners { name: \"b\" address: \"", second, "\" ", kChain,
                               " }", kClusters));
}

TEST(ListenerMessages, AddressesInConflict) {
  EXPECT_EQ(twoListeners("0.0.0.0:80", "0.0.0.0:80"),
            "w.textproto:2:32: listeners[1].address: 0.0.0.0:80 is taken by listener \"a\"; give "
            "each an address of its own\n");
  EXPECT_EQ(twoListeners("0.0.0.0:80", "127.0.0.1:80"),
            "w.textproto:2:32: listeners[1].address: 127.0.0.1:80 overlaps 0.0.0.0:80 of listener "
            "\"a\"; give each a port of its own\n");
  EXPECT_EQ(twoListeners("unix:/run/x", "unix:/run/x"),
            "w.textproto:2:32: listeners[1].address: unix:/run/x is taken by listener \"a\"; give "
            "each an address of its own\n");
  EXPECT_EQ(twoListeners("127.0.0.1:0", "127.0.0.1:0"), "");
  EXPECT_EQ(twoListeners("0.0.0.0:80", "[::]:80"), "");
  EXPECT_EQ(twoListeners("127.0.0.1:80", "127.0.0.2:80"), "");
}

TEST(ListenerMessages, DuplicateListener) {
  EXPECT_EQ(findings(base::concat("listeners { name: \"a\" address: \"127.0.0.1:1\" ", kChain,
                                  " }\nlisteners { name: \"a\" address: \"127.0.0.1:2\" ", kChain,
                                  " }", kClusters)),
            "w.textproto:2:19: listeners[1].name: there is another listener \"a\"; the first is "
            "number 1, each needs its own\n");
}

TEST(ListenerMessages, Admin) {
  EXPECT_EQ(findings("admin { address: \"0.0.0.0:9901\" }"),
            "w.textproto:1:18: admin.address: 0.0.0.0:9901 can be reached from other hosts, and "
            "admin asks nobody who they are; use 127.0.0.1 or a unix address, or set allow_remote: "
            "true\n");
  EXPECT_EQ(findings("admin { address: \"0.0.0.0:9901\" allow_remote: true }"), "");
  EXPECT_EQ(findings("admin { address: \"unix:@weir\" }"), "");
  EXPECT_EQ(findings(base::concat("listeners { name: \"a\" address: \"127.0.0.1:1\" ", kChain,
                                  " }\nadmin { address: \"127.0.0.1:1\" }", kClusters)),
            "w.textproto:2:18: admin.address: 127.0.0.1:1 is taken by listener \"a\"; give each an "
            "address of its own\n");
}

TEST(ListenerMessages, Runtime) {
  EXPECT_EQ(findings("admin { address: \"127.0.0.1:1\" } runtime {\nworkers: 2000\n"
                     "drain_timeout { seconds: 90000 }\nmax_connections: 10000001\n"
                     "log { path: \"/no/such/folder/weir.log\" } }"),
            "w.textproto:2:10: runtime.workers: 2000 is out of range; it must be 0 to 1024\n"
            "w.textproto:3:1: runtime.drain_timeout: 25 h is out of range; it must be 0 s to 24 h\n"
            "w.textproto:4:18: runtime.max_connections: 10000001 is out of range; it must be 0 to "
            "10000000\n"
            "w.textproto:5:13: runtime.log.path: there is no folder \"/no/such/folder\"; create it "
            "first\n");
}

TEST(ListenerMessages, FilterChainMatches) {
  const auto chain = [](std::string_view head) {
    return base::concat("filter_chains { ", head,
                        " filters { config { [network_filters/http_connection_manager] { "
                        "virtual_hosts { name: \"v\" domains: \"*\" routes { route { cluster: "
                        "\"web\" } } } } } } }\n");
  };
  EXPECT_EQ(
      findings(withListener(base::concat(
          "name: \"l\" address: \"127.0.0.1:80\"\n", chain(""), chain("name: \"chain-0\""),
          chain("match { source_prefixes: [\"10.0.0.0/8\", \"10.0.0.0/8\"] }"),
          chain("match { source_prefixes: [\"::/0\", \"ten\"] }"),
          chain("match { destination_port: 70000 }")))),
      "w.textproto:4:1: listeners[0].filter_chains[1].match: matches the same connections as "
      "\"chain-0\" (any port, any source); each filter chain of a listener needs a match of its "
      "own\n"
      "w.textproto:4:23: listeners[0].filter_chains[1].name: there is another filter chain "
      "\"chain-0\"; the first is number 1, each needs its own\n"
      "w.textproto:5:57: listeners[0].filter_chains[2].match.source_prefixes[1]: is listed twice "
      "(any port, source 10.0.0.0/8); remove one\n"
      "w.textproto:6:51: listeners[0].filter_chains[3].match.source_prefixes[1]: \"ten\": is not "
      "an "
      "address prefix; write \"10.0.0.0/8\", \"fd00::/8\" or a bare address\n"
      "w.textproto:7:43: listeners[0].filter_chains[4].match.destination_port: 70000 is out of "
      "range; it must be 1 to 65535\n");
}

}  // namespace
}  // namespace weir::config
