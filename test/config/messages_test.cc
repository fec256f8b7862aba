// What people read when a configuration is wrong: each broken file with every line of the answer.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "test/config/fake_extensions.h"

namespace weir::config {
namespace {

constexpr std::string_view kClusters = R"(
clusters { name: "web" endpoints { address: "10.0.0.1:80" } }
clusters { name: "api" endpoints { address: "10.0.0.2:80" } }
)";

std::string findings(std::string_view text) {
  const auto registry = fakeRegistry();
  stats::Store store;
  Loader loader(*registry, store);
  Diagnostics diagnostics;
  const auto snapshot = loader.loadText(text, "w.textproto", 1, diagnostics);
  EXPECT_EQ(snapshot == nullptr, !diagnostics.ok());
  return diagnostics.toString();
}

// `route` is at line 1, after 100 columns at most.
std::string withRoute(std::string_view route) {
  return base::concat(
      "listeners { name: \"l\" address: \"127.0.0.1:80\" filter_chains { filters { config {"
      " [network_filters/http_connection_manager] {\n"
      "virtual_hosts { name: \"v\" domains: \"*\" routes {\n",
      route, "\n} } } } } } }", kClusters);
}
// What withRoute's routes have in front of their path.
constexpr std::string_view kRoute =
    "listeners[0].filter_chains[0].filters[0].config.virtual_hosts[0].routes[0]";

std::string withHosts(std::string_view hosts) {
  return base::concat(
      "listeners { name: \"l\" address: \"127.0.0.1:80\" filter_chains { filters { config {"
      " [network_filters/http_connection_manager] {\n",
      hosts, "\n} } } } }", kClusters);
}
constexpr std::string_view kHosts = "listeners[0].filter_chains[0].filters[0].config.virtual_hosts";

std::string withListener(std::string_view listener) {
  return base::concat("listeners {\n", listener, "\n}", kClusters);
}
constexpr std::string_view kChain =
    "filter_chains { filters { config { [network_filters/http_connection_manager] { virtual_hosts "
    "{ name: \"v\" domains: \"*\" routes { route { cluster: \"web\" } } } } } } }";

std::string withCluster(std::string_view cluster) {
  return base::concat("admin { address: \"127.0.0.1:1\" }\nclusters {\n", cluster, "\n}");
}

TEST(Messages, AGoodFileHasNone) {
  EXPECT_EQ(findings(withRoute("route { cluster: \"web\" }")), "");
}

// --- the text ------------------------------------------------------------------------------------

TEST(Messages, UnknownField) {
  EXPECT_EQ(findings(withCluster("name: \"c\" endpoints { addres: \"10.0.0.1:80\" }")),
            "w.textproto:3:23: clusters[0].endpoints[0].addres: Endpoint has no field \"addres\"; "
            "did you mean \"address\"? known: address, weight, id, priority, locality, metadata, "
            "max_connections, max_requests, state\n");
}

TEST(Messages, UnknownFieldIsSkippedWithItsValue) {
  EXPECT_EQ(
      findings("admin { address: \"127.0.0.1:1\" }\n"
               "a: 1 b { c: [1, 2] } d < e: \"}\" > f: -inf g: [{ x: 1 }]\nh: \"x\" 'y'"),
      "w.textproto:2:1: a: Config has no field \"a\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
      "w.textproto:2:6: b: Config has no field \"b\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
      "w.textproto:2:22: d: Config has no field \"d\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
      "w.textproto:2:35: f: Config has no field \"f\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
      "w.textproto:2:43: g: Config has no field \"g\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
      "w.textproto:3:1: h: Config has no field \"h\"; "
      "known: listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n");
}

TEST(Messages, UnknownEnumValue) {
  EXPECT_EQ(findings("admin { address: \"127.0.0.1:1\" }\nruntime { log { level: LEVEL_WARN } }"),
            "w.textproto:2:24: runtime.log.level: there is no Level LEVEL_WARN; did you mean "
            "\"LEVEL_WARNING\"? known: LEVEL_TRACE, LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, "
            "LEVEL_ERROR, LEVEL_OFF\n");
  EXPECT_EQ(findings("admin { address: \"127.0.0.1:1\" }\nruntime { log { level: debug } }"),
            "w.textproto:2:24: runtime.log.level: there is no Level debug; did you mean "
            "\"LEVEL_DEBUG\"? known: LEVEL_TRACE, LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, "
            "LEVEL_ERROR, LEVEL_OFF\n");
}

TEST(Messages, WrongTypes) {
  EXPECT_EQ(
      findings(withCluster("name: web\n"
                           "endpoints { address: 80 weight: \"3\" }\n"
                           "connect_timeout: \"5s\"\n"
                           "max_connections: -1\n"
                           "max_pending_requests: 5000000000\n"
                           "idle_timeout { seconds: true }")),
      "w.textproto:3:7: clusters[0].name: expected text, found web; write it in quotes: "
      "name: \"web\"\n"
      "w.textproto:4:22: clusters[0].endpoints[0].address: expected text, found 80; write it in "
      "quotes: address: \"80\"\n"
      "w.textproto:4:33: clusters[0].endpoints[0].weight: expected an integer, found \"3\"\n"
      "w.textproto:5:18: clusters[0].connect_timeout: is a message, found \"5s\"; write "
      "connect_timeout { seconds: 5 }\n"
      "w.textproto:6:18: clusters[0].max_connections: -1 is out of range; it must be 0 to "
      "4294967295\n"
      "w.textproto:7:23: clusters[0].max_pending_requests: 5000000000 is out of range; it must be "
      "0 to 4294967295\n"
      "w.textproto:8:25: clusters[0].idle_timeout.seconds: expected an integer, found true\n");
}

TEST(Messages, GivenTwice) {
  EXPECT_EQ(findings("admin { address: \"127.0.0.1:1\"\n address: \"127.0.0.1:2\" }"),
            "w.textproto:2:2: admin.address: is given twice; the first is at line 1\n");
  EXPECT_EQ(findings(withRoute("match { prefix: \"/\" path: \"/\" } route { cluster: \"web\" }")),
            base::concat("w.textproto:3:21: ", kRoute,
                         ".match.path: cannot stand beside \"prefix\"; give only one of them\n"));
}

TEST(Messages, LostStructureEndsTheReading) {
  EXPECT_EQ(findings("listeners {\n  name: \"a\"\n"),
            "w.textproto:3:1: listeners[0]: the file ends within a message; close what was opened "
            "at line 1 with }\n");
  EXPECT_EQ(findings("admin { address: \"127.0.0.1:1\" }\n}\n"),
            "w.textproto:2:1: expected a field's name, found }; a closing brace too many?\n");
  EXPECT_EQ(findings("admin { address \"127.0.0.1:1\" }"),
            "w.textproto:1:17: admin: expected \":\" after address, found \"127.0.0.1:1\"; write "
            "address: VALUE\n");
  EXPECT_EQ(findings("admin { address: \"127.0.0.1:1 }\n }"),
            "w.textproto:1:32: String literals cannot cross line boundaries\n");
}

TEST(Messages, FindingsBeforeLostStructureAreKept) {
  EXPECT_EQ(findings("admn { }\nclusters: ]"),
            "w.textproto:1:1: admn: Config has no field \"admn\"; did you mean \"admin\"? known: "
            "listeners, clusters, admin, runtime, node, health, shared_dictionaries, plugins\n"
            "w.textproto:2:11: expected a value, found ]\n");
}

// --- extensions ----------------------------------------------------------------------------------

TEST(Messages, UnknownExtension) {
  EXPECT_EQ(
      findings(
          withListener("name: \"l\" address: \"127.0.0.1:80\"\n"
                       "filter_chains { filters { config {\n"
                       "  [network_filters/http_conection_manager] { virtual_host {} } } } }")),
      "w.textproto:4:3: listeners[0].filter_chains[0].filters[0].config: there is no extension "
      "\"network_filters/http_conection_manager\"; did you mean \"http_connection_manager\"? "
      "known: http_connection_manager, tap\n");
  EXPECT_EQ(findings(withCluster("name: \"c\" endpoints { address: \"10.0.0.1:80\" }\n"
                                 "load_balancing { config { [balancing/round_robin] {} } }")),
            "w.textproto:4:27: clusters[0].load_balancing.config: there is no category of "
            "extensions \"balancing\"; known: http_filters, load_balancing, network_filters, "
            "transport_sockets\n");
  EXPECT_EQ(findings(withCluster("name: \"c\" endpoints { address: \"10.0.0.1:80\" }\n"
                                 "load_balancing { config { [type.googleapis.com/weir.extensions"
                                 ".load_balancing.round_robin.v1.RoundRobbin] {} } }")),
            "w.textproto:4:27: clusters[0].load_balancing.config: no extension is configured by "
            "\"weir.extensions.load_balancing.round_robin.v1.RoundRobbin\"; did you mean "
            "\"weir.extensions.load_balancing.round_robin.v1.RoundRobin\"?\n");
}

TEST(Messages, ExtensionOfAnotherCategory) {
  EXPECT_EQ(
      findings(withListener("name: \"l\" address: \"127.0.0.1:80\"\n"
                            "filter_chains { filters { config { [http_filters/tag] {} } } }")),
      "w.textproto:3:36: listeners[0].filter_chains[0].filters[0].config: http_filters/tag "
      "cannot stand here; this is a place for network_filters: http_connection_manager, "
      "tap\n");
  EXPECT_EQ(
      findings(withHosts("virtual_hosts { name: \"v\" domains: \"*\" routes { route { cluster: "
                         "\"web\" } } }\naccess_logs { config { [http_filters/tag] {} } }")),
      "w.textproto:3:24: listeners[0].filter_chains[0].filters[0].config.access_logs[0]"
      ".config: http_filters/tag cannot stand here; this is a place for access_loggers, of "
      "which there are none\n");
}

TEST(Messages, FiltersOfRoutes) {
  const auto hosts = [](std::string_view host, std::string_view filters) {
    return findings(
        withHosts(base::concat("virtual_hosts { name: \"v\" domains: \"*\" ", host,
                               "\nroutes { route { cluster: \"web\" } } }\n", filters)));
  };
  constexpr std::string_view kTag = "http_filters { config { [http_filters/tag] {} } }";
  const std::string at = base::concat(kHosts, "[0].filters[0]");
  EXPECT_EQ(hosts("filters { name: \"tag\" disabled: true }", kTag), "");
  EXPECT_EQ(
      hosts("\nfilters { name: \"tga\" disabled: true }", kTag),
      base::concat("w.textproto:3:17: ", at,
                   ".name: there is no \"tga\" among the http_filters; did you mean \"tag\"?\n"));
  EXPECT_EQ(
      hosts("\nfilters { name: \"tag\" disabled: true }", ""),
      base::concat("w.textproto:3:17: ", at,
                   ".name: there is no \"tag\" among the http_filters; the connection manager "
                   "has none\n"));
  EXPECT_EQ(
      hosts("\nfilters { disabled: true }", kTag),
      base::concat("w.textproto:3:1: ", at, ".name: is required; name a filter of http_filters\n"));
  EXPECT_EQ(hosts("\nfilters { name: \"tag\" }", kTag),
            base::concat("w.textproto:3:1: ", at,
                         ": says nothing of \"tag\"; give it disabled: true or a config\n"));
  EXPECT_EQ(
      hosts("\nfilters { name: \"tag\" disabled: false }", kTag),
      base::concat("w.textproto:3:33: ", at,
                   ".disabled: says nothing: a filter is not disabled unless a route says so; "
                   "write true, or remove it\n"));
  EXPECT_EQ(
      hosts("\nfilters { name: \"tag\" config { [http_filters/tag] {} } }", kTag),
      base::concat("w.textproto:3:32: ", at,
                   ".config: http_filters/tag has no settings for routes; remove them, or write "
                   "disabled: true\n"));
  EXPECT_EQ(hosts("\nfilters { name: \"tag\" config { [network_filters/tap] {} } }", kTag),
            base::concat("w.textproto:3:32: ", at,
                         ".config: network_filters/tap, transport_sockets/plain cannot stand here; "
                         "this is a place for "
                         "http_filters: tag\n"));
  EXPECT_EQ(hosts("\nfilters { name: \"tag\" disabled: true }"
                  "\nfilters { name: \"tag\" disabled: true }",
                  kTag),
            base::concat(
                "w.textproto:4:17: ", kHosts,
                "[0].filters[1].name: there is another filter \"tag\"; the first is number 1, each "
                "needs its own\n"));
  EXPECT_EQ(hosts("\nfilters { name: \"tag\" disabled: true }", base::concat(kTag, kTag)),
            base::concat("w.textproto:3:17: ", at,
                         ".name: several http_filters are named \"tag\"; give each a name of its "
                         "own\n"));
}

TEST(Messages, MetadataOfRoutes) {
  const auto metadata = [](std::string_view value) {
    return findings(withRoute(
        base::concat("route { cluster: \"web\" }\nmetadata { key: \"lua\" value {", value, "} }")));
  };
  EXPECT_EQ(metadata("fields { key: \"a\" value { string_value: \"b\" } }"), "");
  std::string deep = "null_value: NULL_VALUE";
  for (int i = 0; i < 33; ++i) deep = base::concat("list_value { values { ", deep, " } }");
  EXPECT_EQ(metadata(base::concat("fields { key: \"a\" value { ", deep, " } }")),
            base::concat("w.textproto:4:1: ", kRoute,
                         ".metadata: nests deeper than 32 levels; make it flatter\n"));
  EXPECT_EQ(
      metadata(base::concat("fields { key: \"a\" value { string_value: \"",
                            std::string(70'000, 'x'), "\" } }")),
      base::concat("w.textproto:4:1: ", kRoute,
                   ".metadata: has more than 64 KiB; keep what is large in a file of the script "
                   "or filter\n"));
}

TEST(Messages, ExtensionWithoutBrackets) {
  EXPECT_EQ(findings(withCluster("name: \"c\" endpoints { address: \"10.0.0.1:80\" }\n"
                                 "load_balancing { config { choices: 3 } }\n"
                                 "transport_socket { }")),
            "w.textproto:4:27: clusters[0].load_balancing.config: expected an extension, found "
            "choices; write [category/name] { … }\n"
            "w.textproto:5:1: clusters[0].transport_socket.config: is required; write config { "
            "[transport_sockets/NAME] { … } }\n");
}

TEST(Messages, ErrorsInsideAnExtensionHaveTheirOwnPlace) {
  EXPECT_EQ(findings(withRoute("\n\n   route { clutser: \"web\" }")),
            base::concat("w.textproto:5:12: ", kRoute,
                         ".route.clutser: RouteAction has no field \"clutser\"; did you mean "
                         "\"cluster\"?\n"));
}

TEST(Messages, TerminalFilters) {
  EXPECT_EQ(
      findings(withListener("name: \"l\" address: \"127.0.0.1:80\"\n"
                            "filter_chains { filters { config { [network_filters/tap] {} } } }")),
      "w.textproto:3:17: listeners[0].filter_chains[0].filters[0]: the last filter passes its "
      "bytes on, but nothing is behind it; end the chain with a terminal filter such as "
      "network_filters/http_connection_manager\n");
  EXPECT_EQ(
      findings(withListener("name: \"l\" address: \"127.0.0.1:80\"\n"
                            "filter_chains { filters { config { [network_filters/"
                            "http_connection_manager] { virtual_hosts { name: \"v\" domains: \"*\" "
                            "routes { route { cluster: \"web\" } } } } } }\n"
                            "filters { config { [network_filters/tap] {} } } }")),
      "w.textproto:3:17: listeners[0].filter_chains[0].filters[0]: "
      "network_filters/http_connection_manager is terminal: nothing behind it would be reached; "
      "put it last\n"
      "w.textproto:4:1: listeners[0].filter_chains[0].filters[1]: the last filter passes its bytes "
      "on, but nothing is behind it; end the chain with a terminal filter such as "
      "network_filters/http_connection_manager\n");
}

// --- listeners and the process -------------------------------------------------------------------

TEST(Messages, NothingToServe) {
  EXPECT_EQ(findings(""),
            "w.textproto:1:1: listeners: there is nothing to serve; add a listener, or at least "
            "admin\n");
}

TEST(Messages, ListenerFields) {
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

TEST(Messages, AddressesInConflict) {
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

TEST(Messages, DuplicateListener) {
  EXPECT_EQ(findings(base::concat("listeners { name: \"a\" address: \"127.0.0.1:1\" ", kChain,
                                  " }\nlisteners { name: \"a\" address: \"127.0.0.1:2\" ", kChain,
                                  " }", kClusters)),
            "w.textproto:2:19: listeners[1].name: there is another listener \"a\"; the first is "
            "number 1, each needs its own\n");
}

TEST(Messages, Admin) {
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

TEST(Messages, Runtime) {
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

TEST(Messages, FilterChainMatches) {
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

// --- clusters ------------------------------------------------------------------------------------

TEST(Messages, Clusters) {
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

TEST(Messages, Endpoints) {
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

TEST(Messages, WeightZeroEverywhere) {
  EXPECT_EQ(findings(withCluster("name: \"c\"\nendpoints { address: \"10.0.0.1:80\" weight: 0 }\n"
                                 "endpoints { address: \"10.0.0.2:80\" weight: 0 }")),
            "w.textproto:4:1: clusters[0].endpoints: every endpoint has weight 0, none would get "
            "traffic; give at least one a weight of 1 or more\n");
}

TEST(Messages, ClusterLimits) {
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

TEST(Messages, ClusterProtocols) {
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

// --- routes --------------------------------------------------------------------------------------

TEST(Messages, UnknownCluster) {
  EXPECT_EQ(
      findings(withRoute("route { cluster: \"wbe\" }")),
      base::concat("w.textproto:3:18: ", kRoute,
                   ".route.cluster: there is no cluster \"wbe\"; did you mean \"web\"? known: "
                   "api, web\n"));
  EXPECT_EQ(findings(withRoute("route { }")),
            base::concat("w.textproto:3:1: ", kRoute,
                         ".route.cluster: is required; name a cluster of this file\n"));
}

TEST(Messages, RouteWithoutAction) {
  EXPECT_EQ(findings(withRoute("name: \"x\"")),
            base::concat("w.textproto:2:40: ", kRoute,
                         ".route: the route has no action; give one of route, redirect, "
                         "direct_response\n"));
}

TEST(Messages, RouteMatches) {
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

TEST(Messages, BadRegex) {
  const std::string found =
      findings(withRoute("match { regex: \"/(a\" } route { cluster: \"web\" }"));
  EXPECT_TRUE(found.starts_with(base::concat("w.textproto:3:16: ", kRoute, ".match.regex: ")))
      << found;
  EXPECT_NE(found.find("/(a"), std::string::npos) << found;
}

TEST(Messages, Redirects) {
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

TEST(Messages, DirectResponses) {
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

TEST(Messages, VirtualHosts) {
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

// --- what follows from a mistake is not told again ----------------------------------------------

TEST(Messages, ConsequencesAreNotReported) {
  // The cluster has no name because the field is misspelt: neither that nor its user is told.
  EXPECT_EQ(
      findings(base::concat(withRoute("route { cluster: \"new\" }"),
                            "\nclusters { nane: \"new\" endpoints { address: \"10.0.0.1:1\" } }")),
      "w.textproto:8:12: clusters[2].nane: Cluster has no field \"nane\"; did you mean "
      "\"name\"?\n");
}

TEST(Messages, FilesThatCannotBeRead) {
  const auto registry = fakeRegistry();
  stats::Store store;
  Loader loader(*registry, store);
  Diagnostics diagnostics;
  EXPECT_EQ(loader.loadFile("no/such/file", 1, diagnostics), nullptr);
  EXPECT_EQ(loader.loadFile("/", 1, diagnostics), nullptr);
  EXPECT_EQ(diagnostics.toString(),
            "/: is a folder\nno/such/file: cannot be opened: No such file or directory\n");
}

}  // namespace
}  // namespace weir::config
