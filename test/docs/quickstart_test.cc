// What docs/examples/quickstart.textproto comes to, in full.

#include <gtest/gtest.h>

#include <string>

#include "extensions/all_extensions.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::config {
namespace {

// One line for each fact of a snapshot.
std::string summary(const Snapshot& snapshot) {
  std::string text = base::concat("version ", snapshot.version, "\n");
  if (snapshot.admin_address) {
    text += base::concat("admin ", snapshot.admin_address->toString(), "\n");
  }
  const RuntimeConfig& runtime = snapshot.runtime;
  text +=
      base::concat("runtime workers ", runtime.workers, " drain ms ", runtime.drain_timeout.count(),
                   " connections ", runtime.max_connections, " log ", runtime.log_level, "\n");
  for (const auto& listener : snapshot.listeners) {
    text +=
        base::concat("listener ", listener->name, " ", listener->address.toString(), " backlog ",
                     listener->backlog, " connections ", listener->max_connections, "\n");
    for (const auto& chain : listener->filter_chains) {
      text += base::concat(
          "  chain ", chain->name, " transport ", chain->transport != nullptr,
          chain->match.destination_port || !chain->match.source_prefixes.empty() ? " some" : " all",
          "\n");
      for (const auto& filter : chain->filters) {
        text += base::concat("    filter ", filter.name, " made ", filter.factory != nullptr, "\n");
      }
    }
  }
  for (const auto& cluster : snapshot.clusters) {
    text += base::concat("cluster ", cluster->name, " ", cluster->load_balancer->name(),
                         " connect ms ", cluster->connect_timeout.count(), " idle ms ",
                         cluster->idle_timeout.count(), " connections ", cluster->max_connections,
                         " pending ", cluster->max_pending_requests, " per connection ",
                         cluster->max_requests_per_connection, " eligible ",
                         cluster->hosts->eligible.size(), "\n");
    for (const auto& host : cluster->hosts->hosts) {
      text += base::concat("  endpoint ", host.endpoint->id, " ", host.endpoint->address.toString(),
                           " weight ", host.endpoint->weight, "\n");
    }
  }
  return text;
}

TEST(Quickstart, Snapshot) {
  base::Registry registry;
  ASSERT_TRUE(extensions::registerAllExtensions(registry).ok());
  stats::Store store;
  Loader loader(registry, store);
  Diagnostics diagnostics;
  const auto snapshot = loader.loadFile("docs/examples/quickstart.textproto", 1, diagnostics);
  ASSERT_NE(snapshot, nullptr) << diagnostics.toString();
  EXPECT_EQ(summary(*snapshot),
            R"(version 1
admin 127.0.0.1:9901
runtime workers 0 drain ms 30000 connections 0 log info
listener edge 127.0.0.1:8080 backlog 4096 connections 0
  chain chain-0 transport true all
    filter http_connection_manager made true
listener origin-1 127.0.0.1:8081 backlog 4096 connections 0
  chain chain-0 transport true all
    filter http_connection_manager made true
listener origin-2 127.0.0.1:8082 backlog 4096 connections 0
  chain chain-0 transport true all
    filter http_connection_manager made true
cluster origins round_robin connect ms 5000 idle ms 60000 connections 1024 pending 1024 per connection 0 eligible 2
  endpoint 127.0.0.1:8081 127.0.0.1:8081 weight 1
  endpoint 127.0.0.1:8082 127.0.0.1:8082 weight 1
)");
}

}  // namespace
}  // namespace weir::config
