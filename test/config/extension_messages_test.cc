// What people read when a configuration names extensions wrongly.

#include "test/config/messages.h"

namespace weir::config {
namespace {

TEST(ExtensionMessages, UnknownExtension) {
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

TEST(ExtensionMessages, ExtensionOfAnotherCategory) {
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

TEST(ExtensionMessages, FiltersOfRoutes) {
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

TEST(ExtensionMessages, MetadataOfRoutes) {
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

TEST(ExtensionMessages, ExtensionWithoutBrackets) {
  EXPECT_EQ(findings(withCluster("name: \"c\" endpoints { address: \"10.0.0.1:80\" }\n"
                                 "load_balancing { config { choices: 3 } }\n"
                                 "transport_socket { }")),
            "w.textproto:4:27: clusters[0].load_balancing.config: expected an extension, found "
            "choices; write [category/name] { … }\n"
            "w.textproto:5:1: clusters[0].transport_socket.config: is required; write config { "
            "[transport_sockets/NAME] { … } }\n");
}

TEST(ExtensionMessages, ErrorsInsideAnExtensionHaveTheirOwnPlace) {
  EXPECT_EQ(findings(withRoute("\n\n   route { clutser: \"web\" }")),
            base::concat("w.textproto:5:12: ", kRoute,
                         ".route.clutser: RouteAction has no field \"clutser\"; did you mean "
                         "\"cluster\"?\n"));
}

TEST(ExtensionMessages, TerminalFilters) {
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

}  // namespace
}  // namespace weir::config
