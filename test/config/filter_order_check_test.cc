#include "source/config/filter_order_check.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/network_filters/http_connection_manager/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::config {
namespace {

// Filters of no effect.
class NoFilterFactory final : public http::HttpFilterFactory {
 public:
  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap&) const override {
    struct None final : http::WorkerHttpFilterFactory {
      http::HttpFilter* create(base::Arena&) override { return nullptr; }
    };
    return std::make_unique<None>();
  }
};

// A filter of a name and an order, configured by a message of another one.
class OrderedExtension final : public HttpFilterExtension {
 public:
  OrderedExtension(std::string name, std::string type, FilterOrder order)
      : name_(std::move(name)), type_(std::move(type)), order_(std::move(order)) {}
  std::string_view name() const override { return name_; }
  std::string_view configType() const override { return type_; }
  std::shared_ptr<const http::HttpFilterFactory> compile(const google::protobuf::Message&,
                                                         const Cursor&,
                                                         CompileContext&) const override {
    return std::make_shared<NoFilterFactory>();
  }
  FilterOrder order(const google::protobuf::Message&) const override { return order_; }

 private:
  const std::string name_;
  const std::string type_;
  const FilterOrder order_;
};

// What is found in a connection manager whose filters stand from line 2 on, one a line.
std::string findings(std::string_view filters, std::string_view route_fields = {}) {
  base::Registry registry;
  const auto add = [&registry](std::unique_ptr<base::Extension> extension) {
    EXPECT_TRUE(registry.add(std::move(extension)).ok());
  };
  const auto filter = [&add](std::string name, const std::string& type, FilterOrder order) {
    add(std::make_unique<OrderedExtension>(
        std::move(name), base::concat("weir.extensions.http_filters.", type), std::move(order)));
  };
  add(std::make_unique<
      extensions::network_filters::http_connection_manager::HttpConnectionManagerExtension>());
  add(std::make_unique<extensions::load_balancing::round_robin::RoundRobinExtension>());
  add(std::make_unique<extensions::transport_sockets::plain::PlainExtension>());
  filter("compressor", "grpc_web.v1.GrpcWeb",
         {.once = "bodies would be compressed twice",
          .after = {{"cache", "it would keep what was compressed for one client"}}});
  filter("cache", "acme_challenge.v1.AcmeChallenge", {});
  filter("pages", "grpc_json_transcoder.v1.GrpcJsonTranscoder", {.last = "it answers everything"});
  filter("request_id", "lua.v1.Lua",
         {.first = "what is in front would not know the id", .before = {{"pages", "of no use"}}});
  stats::Store store;
  Loader loader(registry, store);
  Diagnostics diagnostics;
  loader.loadText(
      base::concat("listeners { name: \"edge\" address: \"127.0.0.1:80\" filter_chains { filters { "
                   "config { [network_filters/http_connection_manager] {\n",
                   filters,
                   "\nvirtual_hosts { name: \"v\" domains: \"*\" routes { direct_response { "
                   "status: 200 } ",
                   route_fields, " } } } } } } }"),
      "w", 1, diagnostics);
  std::string text = diagnostics.toString();
  constexpr std::string_view kWhere = "listeners[0].filter_chains[0].filters[0].config.";
  for (size_t at = text.find(kWhere); at != std::string::npos; at = text.find(kWhere)) {
    text.erase(at, kWhere.size());
  }
  return text;
}

TEST(FilterOrderCheck, WhatIsInOrderPasses) {
  EXPECT_EQ(findings("http_filters { config { [http_filters/request_id] {} } }\n"
                     "http_filters { config { [http_filters/cache] {} } }\n"
                     "http_filters { config { [http_filters/compressor] {} } }\n"
                     "http_filters { config { [http_filters/pages] {} } }"),
            "");
  EXPECT_EQ(findings(""), "");
}

TEST(FilterOrderCheck, TwoOfAKindThatMayBeThereOnce) {
  EXPECT_EQ(findings("http_filters { config { [http_filters/compressor] {} } }\n"
                     "http_filters { name: \"other\" config { [http_filters/compressor] {} } }"),
            "w:3:1: http_filters[1]: is a second compressor behind http_filters[0]: bodies would "
            "be compressed twice; keep one; routes may have settings of their own for it\n");
}

TEST(FilterOrderCheck, TwoOfOneName) {
  EXPECT_EQ(findings("http_filters { config { [http_filters/cache] {} } }\n"
                     "http_filters { config { [http_filters/cache] {} } }"),
            "w:3:1: http_filters[1]: is named \"cache\" as http_filters[0] is; give each a name of "
            "its own: name: \"cache-2\"\n");
  EXPECT_EQ(findings("http_filters { config { [http_filters/cache] {} } }\n"
                     "http_filters { name: \"b\" config { [http_filters/cache] {} } }"),
            "");
}

TEST(FilterOrderCheck, NeighboursInTheWrongOrder) {
  EXPECT_EQ(findings("http_filters { config { [http_filters/compressor] {} } }\n"
                     "http_filters { name: \"store\" config { [http_filters/cache] {} } }"),
            "w:2:1: http_filters[0]: stands in front of http_filters[1] (cache, named \"store\"): "
            "it would keep what was compressed for one client; move it behind http_filters[1]\n");
}

TEST(FilterOrderCheck, WhatIsToBeFirst) {
  EXPECT_EQ(findings("http_filters { config { [http_filters/cache] {} } }\n"
                     "  http_filters { config { [http_filters/request_id] {} } }"),
            "w:3:3: http_filters[1]: stands behind http_filters[0] (cache): what is in front would "
            "not know the id; move it in front of http_filters[0]\n");
}

TEST(FilterOrderCheck, NothingIsReachedBehindTheLast) {
  constexpr std::string_view kFilters =
      "http_filters { config { [http_filters/pages] {} } }\n"
      "http_filters { config { [http_filters/cache] {} } }";
  EXPECT_EQ(findings(kFilters),
            "w:3:1: http_filters[1]: is never reached behind http_filters[0] (pages): it answers "
            "everything; move it in front of http_filters[0], or disable that for the routes that "
            "shall come here\n");
  EXPECT_EQ(findings(kFilters, "filters { name: \"pages\" disabled: true }"), "");
}

TEST(FilterOrderCheck, EachProblemIsReported) {
  const std::string found = findings(
      "http_filters { config { [http_filters/pages] {} } }\n"
      "http_filters { config { [http_filters/request_id] {} } }");
  EXPECT_NE(found.find("stands behind http_filters[0] (pages): what is in front"),
            std::string::npos);
  EXPECT_NE(found.find("stands behind http_filters[0] (pages): of no use"), std::string::npos);
  EXPECT_NE(found.find("is never reached"), std::string::npos);
}

TEST(FilterOrderCheck, TheRouterIsNoFilter) {
  EXPECT_EQ(
      findings("http_filters { config { [http_filters/router] {} } }"),
      "w:2:25: http_filters[0].config: \"http_filters/router\": the router is no filter, it comes "
      "behind the last one by itself; remove it; what routes do stands in virtual_hosts\n");
  EXPECT_NE(findings("http_filters { config { "
                     "[type.googleapis.com/envoy.extensions.filters.http.router.v3.Router] {} } }")
                .find("the router is no filter, it comes behind the last one by itself"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::config
