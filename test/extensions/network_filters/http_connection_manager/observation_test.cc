// What the connection manager's configuration says of statistics, reasons and conditions of logs.

#include <gtest/gtest.h>

#include <string>

#include "extensions/access_loggers/stdout/config.h"
#include "extensions/http_filters/grpc_web/config.h"
#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/network_filters/http_connection_manager/config.h"
#include "extensions/network_filters/tcp_proxy/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "source/http/metered_filter.h"

namespace weir::extensions::network_filters::http_connection_manager {
namespace {

// Compiles a listener with one network filter, whose fields stand from line 2 on.
class Compiled {
 public:
  Compiled(std::string_view extension, std::string_view fields) {
    base::Registry registry;
    const auto add = [&registry](std::unique_ptr<base::Extension> each) {
      EXPECT_TRUE(registry.add(std::move(each)).ok());
    };
    add(std::make_unique<HttpConnectionManagerExtension>());
    add(std::make_unique<tcp_proxy::TcpProxyExtension>());
    add(std::make_unique<access_loggers::stdout::StdoutLoggerExtension>());
    add(std::make_unique<http_filters::grpc_web::GrpcWebExtension>());
    add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>());
    add(std::make_unique<transport_sockets::plain::PlainExtension>());
    config::Loader loader(registry, store);
    snapshot = loader.loadText(
        base::concat("listeners { name: \"edge\" address: \"127.0.0.1:80\" filter_chains { filters "
                     "{ config { [network_filters/",
                     extension, "] {\n", fields,
                     "\n} } } } }\n"
                     "clusters { name: \"web\" endpoints { address: \"10.0.0.1:80\" } }"),
        "w", 1, diagnostics);
  }
  const http::ConnectionManagerConfig& manager() const {
    return *dynamic_cast<const http::ConnectionManagerFactory&>(
                *snapshot->listeners.at(0)->filter_chains.at(0)->filters.at(0).factory)
                .config();
  }
  std::string findings() const {
    std::string text = diagnostics.toString();
    constexpr std::string_view kWhere = "listeners[0].filter_chains[0].filters[0].config.";
    for (size_t at = text.find(kWhere); at != std::string::npos; at = text.find(kWhere)) {
      text.erase(at, kWhere.size());
    }
    return text;
  }

  stats::Store store;
  config::Diagnostics diagnostics;
  std::shared_ptr<const config::Snapshot> snapshot;
};

constexpr std::string_view kHost =
    "\nvirtual_hosts { name: \"v\" domains: \"*\" routes { direct_response { status: 200 } } }";
constexpr std::string_view kLog = " log { config { [access_loggers/stdout] {} } } }";

Compiled http(std::string_view fields) {
  return {"http_connection_manager", base::concat(fields, kHost)};
}

// Of a condition of a log, which stands at line 2, column 34.
std::string findingsOfCondition(std::string_view condition) {
  const Compiled compiled =
      http(base::concat("conditional_access_logs { when { ", condition, " }", kLog));
  std::string text = compiled.findings();
  constexpr std::string_view kWhere = "conditional_access_logs[0].when";
  for (size_t at = text.find(kWhere); at != std::string::npos; at = text.find(kWhere)) {
    text.erase(at, kWhere.size());
  }
  return text;
}

TEST(Observation, IsOffUnlessItIsAskedFor) {
  const Compiled compiled = http("http_filters { config { [http_filters/grpc_web] {} } }");
  ASSERT_EQ(compiled.findings(), "");
  EXPECT_FALSE(compiled.manager().reason_header);
  EXPECT_TRUE(compiled.manager().route_statistics.empty());
  EXPECT_TRUE(compiled.manager().access_loggers.empty());
  EXPECT_EQ(dynamic_cast<const http::MeteredFilterFactory*>(
                compiled.manager().filters.at(0).factory.get()),
            nullptr);
  EXPECT_EQ(compiled.snapshot->runtime.recent_requests, 1024u);
}

TEST(Observation, FiltersAreCountedByName) {
  for (const std::string_view name : {"\"grpc_web\"", "\"*\""}) {
    const Compiled compiled =
        http(base::concat("http_filters { config { [http_filters/grpc_web] {} } }\n"
                          "reason_header: true filter_statistics: ",
                          name));
    ASSERT_EQ(compiled.findings(), "");
    EXPECT_TRUE(compiled.manager().reason_header);
    EXPECT_NE(dynamic_cast<const http::MeteredFilterFactory*>(
                  compiled.manager().filters.at(0).factory.get()),
              nullptr);
    EXPECT_EQ(compiled.manager().filters.at(0).extension, "grpc_web");
  }
}

TEST(Observation, FiltersThatAreNotThereCannotBeCounted) {
  EXPECT_EQ(http("filter_statistics: \"cache\"").findings(),
            "w:2:20: filter_statistics[0]: there is no \"cache\" among the http_filters; the "
            "connection manager has none\n");
  EXPECT_EQ(
      http("http_filters { config { [http_filters/grpc_web] {} } }\n"
           "filter_statistics: \"grpc_wep\" filter_statistics: \"*\" filter_statistics: \"*\"")
          .findings(),
      "w:3:20: filter_statistics[0]: there is no \"grpc_wep\" among the http_filters; did "
      "you mean \"grpc_web\"?\n"
      "w:3:73: filter_statistics[2]: \"*\" is listed twice; remove one\n");
}

TEST(Observation, RoutesAreCountedByName) {
  const Compiled compiled(
      "http_connection_manager",
      "virtual_hosts { name: \"a\" domains: \"a\" statistics: true\n"
      "  routes { name: \"x\" match { prefix: \"/x\" } direct_response { status: 200 } }\n"
      "  routes { name: \"y\" statistics: false direct_response { status: 200 } } }\n"
      "virtual_hosts { name: \"b\" domains: \"b\"\n"
      "  routes { name: \"x\" statistics: true direct_response { status: 200 } } }");
  ASSERT_EQ(compiled.findings(), "");
  EXPECT_EQ(compiled.manager().route_statistics.size(), 2u);
  http::RequestHead head;
  http::StreamInfo info;
  const auto indexOf = [&](std::string_view host, std::string_view path) {
    head.authority = host;
    head.path = path;
    return compiled.manager().routes->resolve(head, info)->statistics();
  };
  EXPECT_EQ(indexOf("a", "/x"), 0u);
  EXPECT_EQ(indexOf("a", "/y"), http::Route::kNoStatistics);
  EXPECT_EQ(indexOf("b", "/"), 1u);
}

TEST(Observation, RoutesWithStatisticsNeedNamesOfTheirOwn) {
  EXPECT_EQ(Compiled("http_connection_manager",
                     "virtual_hosts { name: \"a\" domains: \"a\"\n"
                     "routes { statistics: true direct_response { status: 200 } } }")
                .findings(),
            "w:3:1: virtual_hosts[0].routes[0].name: a route with statistics needs a name; give "
            "it one, which no other route of the virtual host has\n");
  EXPECT_EQ(
      Compiled("http_connection_manager",
               "virtual_hosts { name: \"a\" domains: \"a\"\n"
               "routes { name: \"x\" statistics: true match { prefix: \"/a\" } direct_response { "
               "status: 200 } }\n"
               "routes { name: \"x\" direct_response { status: 200 } } }")
          .findings(),
      "w:3:16: virtual_hosts[0].routes[0].name: several routes of the virtual host are named "
      "\"x\", and this one has statistics; give each a name of its own\n");
}

TEST(Observation, LogsWithConditionsAreLogs) {
  const Compiled compiled = http(base::concat(
      "conditional_access_logs { when { any {\n"
      "conditions { error: true } conditions { sample { percent: 1 } }\n"
      "conditions { all { conditions { at_least { seconds: 1 } } conditions { not { health_check: "
      "true } } } }\n"
      "conditions { status { start: 400 end: 500 } } conditions { flags { names: \"UF\" } }\n"
      "conditions { request_header { name: \"x-debug\" } }\n"
      "conditions { response_header { name: \"x-debug\" } } } }",
      kLog));
  EXPECT_EQ(compiled.findings(), "");
  EXPECT_EQ(compiled.manager().access_loggers.size(), 1u);
}

TEST(Observation, ConditionsOfLogsAreChecked) {
  EXPECT_EQ(findingsOfCondition(""),
            "w:2:27: : says no condition; give it one, such as error: true or status { start: 500 "
            "end: 600 }\n");
  EXPECT_EQ(findingsOfCondition("status { start: 500 end: 500 }"),
            "w:2:34: .status: no status is 500 or more and less than 500; write { start: 500 end: "
            "600 }; 0 stands for no answer\n");
  EXPECT_EQ(findingsOfCondition("flags { names: \"UX\" }"),
            "w:2:49: .flags.names[0]: \"UX\" is no response flag; did you mean \"UH\"?\n");
  EXPECT_EQ(findingsOfCondition("flags { names: \"quite-another\" }"),
            "w:2:49: .flags.names[0]: \"quite-another\" is no response flag; docs/access-log.md "
            "lists them: UH, UF, UO, NR, …\n");
  EXPECT_EQ(findingsOfCondition("any {}"),
            "w:2:34: .any: has no conditions; add conditions { … }, or remove it\n");
  EXPECT_EQ(findingsOfCondition("at_least { seconds: 0 }"),
            "w:2:34: .at_least: 0 s is out of range; it must be 1 ms to 24 h\n");
  EXPECT_EQ(http(base::concat("conditional_access_logs {", kLog)).findings(),
            "w:2:1: conditional_access_logs[0].when: is required; what is always logged is in "
            "access_logs\n");
}

TEST(Observation, ConditionsAreNotNestedForEver) {
  std::string deep = "error: true";
  for (int i = 0; i < 9; ++i) deep = base::concat("not { ", deep, " }");
  EXPECT_NE(findingsOfCondition(deep).find("is nested too deep"), std::string::npos);
}

TEST(Observation, ConnectionsHaveNoConditionsOfHttp) {
  const auto tcp = [](std::string_view condition) {
    return Compiled("tcp_proxy", base::concat("cluster: \"web\" conditional_access_logs { when {\n",
                                              condition, " }", kLog))
        .findings();
  };
  EXPECT_EQ(tcp("sample { percent: 10 }"), "");
  EXPECT_EQ(tcp("error: true"),
            "w:3:8: conditional_access_logs[0].when.error: is about HTTP, and here connections are "
            "logged; use at_least, flags, sample, all, any or not\n");
}

}  // namespace
}  // namespace weir::extensions::network_filters::http_connection_manager
