#include "source/explain/inquiry.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "extensions/http_filters/grpc_web/config.h"
#include "extensions/load_balancing/least_request/config.h"
#include "extensions/load_balancing/maglev/config.h"
#include "extensions/load_balancing/override/config.h"
#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/load_balancing/subset/config.h"
#include "extensions/network_filters/http_connection_manager/config.h"
#include "extensions/network_filters/tcp_proxy/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/config/snapshot.h"
#include "source/explain/offline.h"

namespace weir::explain {
namespace {

constexpr std::string_view kConfig = R"pb(
  listeners {
    name: "edge"
    address: "127.0.0.1:8080"
    filter_chains {
      filters {
        config {
          [network_filters/http_connection_manager] {
            virtual_hosts {
              name: "shop"
              domains: "shop.example"
              domains: "*.shop.example"
              routes {
                name: "old"
                match { prefix: "/old" }
                redirect { scheme: "https" path: "/new" }
              }
              routes {
                name: "api"
                match { segment_prefix: "/api" }
                route {
                  cluster: "hashed"
                  timeout { seconds: 3 }
                }
                filters { name: "web" disabled: true }
              }
              routes {
                name: "text"
                match { path: "/text" }
                direct_response { status: 200 body: "hello" }
              }
              routes {
                match { prefix: "/cart" }
                route { cluster: "loaded" }
              }
            }
            virtual_hosts {
              name: "nested"
              domains: "nested.example"
              routes {
                match { path: "/named" }
                route { cluster: "named" }
              }
              routes {
                match { path: "/part" }
                route {
                  cluster: "parts"
                  metadata_match { key: "zone" value: "b" }
                }
              }
            }
            http_filters {
              name: "web"
              config {
                [http_filters/grpc_web] {}
              }
            }
          }
        }
      }
    }
  }
  listeners {
    name: "raw"
    address: "127.0.0.1:9000"
    filter_chains {
      filters {
        config {
          [network_filters/tcp_proxy] { cluster: "loaded" }
        }
      }
    }
  }
  clusters {
    name: "hashed"
    load_balancing {
      config {
        [load_balancing/maglev] {}
      }
    }
    endpoints { address: "10.0.0.1:80" }
    endpoints { address: "10.0.0.2:80" }
    endpoints { address: "10.0.0.3:80" }
  }
  clusters {
    name: "loaded"
    load_balancing {
      config {
        [load_balancing/least_request] {}
      }
    }
    endpoints { address: "10.0.1.1:80" weight: 2 }
    endpoints { address: "10.0.1.2:80" }
  }
  clusters {
    name: "named"
    load_balancing {
      config {
        [load_balancing/override] { header: "x-endpoint" strict: true }
      }
    }
    endpoints { address: "10.0.2.1:80" }
    endpoints { address: "10.0.2.2:80" }
  }
  clusters {
    name: "parts"
    load_balancing {
      config {
        [load_balancing/subset] {
          subsets { keys: "zone" }
          load_balancing {
            config {
              [load_balancing/least_request] {}
            }
          }
        }
      }
    }
    endpoints {
      address: "10.0.3.1:80"
      metadata { key: "zone" value: "a" }
    }
    endpoints {
      address: "10.0.3.2:80"
      metadata { key: "zone" value: "b" }
    }
  }
)pb";

class InquiryTest : public ::testing::Test {
 protected:
  InquiryTest() {
    const auto add = [this](std::unique_ptr<base::Extension> extension) {
      EXPECT_TRUE(registry_.add(std::move(extension)).ok());
    };
    add(std::make_unique<
        extensions::network_filters::http_connection_manager::HttpConnectionManagerExtension>());
    add(std::make_unique<extensions::network_filters::tcp_proxy::TcpProxyExtension>());
    add(std::make_unique<extensions::http_filters::grpc_web::GrpcWebExtension>());
    add(std::make_unique<extensions::load_balancing::round_robin::RoundRobinExtension>());
    add(std::make_unique<extensions::load_balancing::least_request::LeastRequestExtension>());
    add(std::make_unique<extensions::load_balancing::maglev::MaglevExtension>());
    add(std::make_unique<extensions::load_balancing::override::OverrideExtension>());
    add(std::make_unique<extensions::load_balancing::subset::SubsetExtension>());
    add(std::make_unique<extensions::transport_sockets::plain::PlainExtension>());
    config::Loader loader(registry_, stats_);
    config::Diagnostics diagnostics;
    snapshot_ = loader.loadText(kConfig, "w", 1, diagnostics);
    EXPECT_TRUE(diagnostics.ok()) << diagnostics.toString();
  }

  Explanation ask(const Question& question) {
    auto inquiry = Inquiry::begin(snapshot_, question);
    EXPECT_TRUE(inquiry.ok()) << inquiry.status().message();
    if (!inquiry.ok()) return {};
    EXPECT_TRUE(askOffline(**inquiry, *snapshot_, stats_).ok());
    return (*inquiry)->explanation();
  }
  Explanation askUrl(std::string url) { return ask(Question{.url = std::move(url)}); }
  std::string error(const Question& question) {
    auto inquiry = Inquiry::begin(snapshot_, question);
    return inquiry.ok() ? "" : std::string(inquiry.status().message());
  }

  base::Registry registry_;
  stats::Store stats_;
  std::shared_ptr<const config::Snapshot> snapshot_;
};

TEST_F(InquiryTest, ListenerByPort) {
  const Explanation said = askUrl("http://shop.example:8080/cart");
  ASSERT_EQ(said.listeners.size(), 2u);
  EXPECT_TRUE(said.listeners[0].chosen);
  EXPECT_EQ(said.listeners[0].why, "it listens on 127.0.0.1:8080");
  EXPECT_FALSE(said.listeners[1].chosen);
  EXPECT_EQ(said.problem, "");
}

TEST_F(InquiryTest, NoListenerOfThatPort) {
  const Explanation said = askUrl("http://shop.example/cart");
  EXPECT_EQ(said.problem, "no listener has port 80; name one of them");
  EXPECT_TRUE(said.comesToNothing());
}

TEST_F(InquiryTest, NamedListener) {
  EXPECT_EQ(ask({.url = "http://shop.example/cart", .listener = "edge"}).problem, "");
  EXPECT_EQ(ask({.url = "http://shop.example/cart", .listener = "edgy"}).problem,
            "there is no listener \"edgy\"; did you mean \"edge\"?; known: edge, raw");
}

TEST_F(InquiryTest, ConnectionsThatAreNotHttp) {
  const Explanation said = askUrl("http://shop.example:9000/");
  EXPECT_EQ(said.outcome,
            "the connection is not HTTP to Weir: it goes to network filter \"tcp_proxy\"");
  EXPECT_FALSE(said.comesToNothing());
}

TEST_F(InquiryTest, RoutesAreConsideredInOrder) {
  const Explanation said = askUrl("http://shop.example:8080/cart/1");
  EXPECT_EQ(said.virtual_host, "shop");
  EXPECT_EQ(said.domain, "shop.example");
  ASSERT_EQ(said.routes.size(), 4u);
  EXPECT_EQ(said.routes[0].name, "old");
  EXPECT_EQ(said.routes[0].match, "prefix /old");
  EXPECT_NE(said.routes[0].why, "");
  EXPECT_NE(said.routes[1].why, "");
  EXPECT_NE(said.routes[2].why, "");
  EXPECT_EQ(said.routes[3].why, "");
  EXPECT_EQ(said.outcome, "forwarded to cluster \"loaded\"");
}

TEST_F(InquiryTest, NoRouteAndNoVirtualHost) {
  Explanation said = askUrl("http://shop.example:8080/nothing");
  EXPECT_EQ(said.status, 404);
  EXPECT_EQ(said.outcome, "404: no route of virtual host \"shop\" matches");
  EXPECT_EQ(said.routes.size(), 4u);
  EXPECT_TRUE(said.comesToNothing());
  said = askUrl("http://other.example:8080/");
  EXPECT_EQ(said.outcome, "404: no virtual host has the domain of \"other.example:8080\"");
}

TEST_F(InquiryTest, RedirectsAndDirectResponses) {
  Explanation said = askUrl("http://shop.example:8080/old?a=1");
  EXPECT_EQ(said.status, 301);
  EXPECT_NE(said.outcome.find("redirected with 301 to https://shop.example"), std::string::npos)
      << said.outcome;
  EXPECT_FALSE(said.comesToNothing());
  said = askUrl("http://shop.example:8080/text");
  EXPECT_EQ(said.status, 200);
  EXPECT_EQ(said.outcome, "answered with 200 by the route itself");
}

TEST_F(InquiryTest, FiltersAsTheRouteHasThem) {
  Explanation said = askUrl("http://shop.example:8080/api/x");
  ASSERT_EQ(said.filters.size(), 1u);
  EXPECT_EQ(said.filters[0].name, "web");
  EXPECT_EQ(said.filters[0].extension, "grpc_web");
  EXPECT_EQ(said.filters[0].state, "disabled by the route or its virtual host");
  said = askUrl("http://shop.example:8080/cart");
  EXPECT_EQ(said.filters.at(0).state, "runs");
}

TEST_F(InquiryTest, HashesChooseTheSameEachTime) {
  const Explanation said = ask({.url = "http://shop.example:8080/api", .source = "192.0.2.7"});
  ASSERT_EQ(said.clusters.size(), 1u);
  const ClusterView& cluster = said.clusters[0];
  EXPECT_EQ(cluster.name, "hashed");
  EXPECT_EQ(cluster.load_balancing, "maglev");
  ASSERT_EQ(cluster.endpoints.size(), 3u);
  EXPECT_NE(cluster.pick, "");
  EXPECT_EQ(cluster.pick_why, "the algorithm gives this one");
  EXPECT_EQ(
      ask({.url = "http://shop.example:8080/api", .source = "192.0.2.7:99"}).clusters.at(0).pick,
      cluster.pick);
}

TEST_F(InquiryTest, ScoresOfEndpoints) {
  const Explanation said = askUrl("http://shop.example:8080/cart");
  const ClusterView& cluster = said.clusters.at(0);
  ASSERT_EQ(cluster.endpoints.size(), 2u);
  EXPECT_EQ(cluster.endpoints[0].score, 0.5);
  EXPECT_EQ(cluster.endpoints[1].score, 1.0);
  EXPECT_EQ(cluster.endpoints[0].health, "healthy");
  EXPECT_EQ(cluster.endpoints[0].group_share, 100.0);
  EXPECT_EQ(cluster.pick, "");
  EXPECT_NE(cluster.pick_why.find("10.0.1.1:80"), std::string::npos);
}

TEST_F(InquiryTest, AnEndpointThatTheRequestNames) {
  Question question{.url = "http://nested.example:8080/named"};
  question.headers = {{"x-endpoint", "10.0.2.2:80"}};
  EXPECT_EQ(ask(question).clusters.at(0).pick, "10.0.2.2:80");
  question.headers = {{"x-endpoint", "10.9.9.9:80"}};
  const Explanation said = ask(question);
  EXPECT_EQ(said.clusters.at(0).pick, "");
  EXPECT_NE(said.clusters[0].rule.find("override_host_unknown"), std::string::npos);
}

TEST_F(InquiryTest, AnEndpointOfTheSubsetThatTheRouteAsksFor) {
  const Explanation said = askUrl("http://nested.example:8080/part");
  const ClusterView& cluster = said.clusters.at(0);
  EXPECT_TRUE(cluster.rule.starts_with("in the subset that is asked for: ")) << cluster.rule;
  EXPECT_EQ(cluster.pick, "10.0.3.2:80");
  EXPECT_FALSE(cluster.endpoints.at(0).score) << "of another subset";
  EXPECT_EQ(cluster.endpoints.at(1).score, 1.0);
}

TEST_F(InquiryTest, WhatIsRefusedBeforeItIsRouted) {
  const Explanation said = askUrl("http://shop.example:8080/a%2Fb");
  EXPECT_EQ(said.status, 400);
  EXPECT_TRUE(said.comesToNothing());
  EXPECT_TRUE(said.routes.empty());
}

TEST_F(InquiryTest, PathsAreCleanedAsForARealRequest) {
  EXPECT_EQ(askUrl("http://shop.example:8080/x/..//cart").path, "/cart");
}

TEST_F(InquiryTest, TlsToAPlainListenerIsNoted) {
  const Explanation said = askUrl("https://shop.example:8080/cart");
  bool noted = false;
  for (const std::string& note : said.notes) noted |= note.find("speaks no TLS") != note.npos;
  EXPECT_TRUE(noted);
}

TEST_F(InquiryTest, BadQuestions) {
  EXPECT_NE(error({.url = "shop.example"}).find("is not a URL"), std::string::npos);
  EXPECT_NE(error({.url = "/cart"}).find("has no host"), std::string::npos);
  EXPECT_NE(error({.method = "G E T", .url = "http://a/"}).find("is not a method"),
            std::string::npos);
  EXPECT_NE(error({.url = "http://a/", .headers = {{"a b", "c"}}}).find("name of a header"),
            std::string::npos);
  EXPECT_NE(error({.url = "http://a/", .headers = {{"a", "c\n"}}}).find("control characters"),
            std::string::npos);
  EXPECT_NE(error({.url = "http://a/", .source = "me"}).find("is not an address"),
            std::string::npos);
  EXPECT_NE(error({.url = "http://a b/"}).find("is not a host"), std::string::npos);
}

TEST_F(InquiryTest, TextAndJsonSayTheSame) {
  const Explanation said = askUrl("http://shop.example:8080/cart");
  const std::string text = toText(said);
  EXPECT_NE(text.find("listener:       \"edge\" (it listens on 127.0.0.1:8080)\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("outcome:        forwarded to cluster \"loaded\"\n"), std::string::npos);
  EXPECT_NE(text.find("    0 \"old\", prefix /old: no: "), std::string::npos) << text;
  const std::string json = toJson(said);
  EXPECT_NE(json.find("\"outcome\": \"forwarded to cluster \\\"loaded\\\"\""), std::string::npos);
  EXPECT_NE(json.find("\"score\": 0.5"), std::string::npos);
}

}  // namespace
}  // namespace weir::explain
