#include "extensions/transport_sockets/plain/config.h"

#include <gtest/gtest.h>

#include "extensions/load_balancing/round_robin/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::transport_sockets::plain {
namespace {

// The findings, or "plain" when the cluster's transport carries the bytes as they are.
std::string outcome(std::string_view transport_socket) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<PlainExtension>()).ok());
  EXPECT_TRUE(
      registry.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" }\n",
                   transport_socket, "\n}"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  const auto& transport = snapshot->clusters.at(0)->transport;
  return transport == nullptr || transport->secure() ? "not plain" : "plain";
}

TEST(PlainConfig, Works) {
  EXPECT_EQ(outcome("transport_socket { config { [transport_sockets/plain] {} } }"), "plain");
  EXPECT_EQ(outcome("transport_socket { config { [type.googleapis.com/weir.extensions."
                    "transport_sockets.plain.v1.Plain] {} } }"),
            "plain");
}

TEST(PlainConfig, IsTheDefault) {
  EXPECT_EQ(outcome(""), "plain");
}

TEST(PlainConfig, HasNoFields) {
  EXPECT_EQ(outcome("transport_socket { config { [transport_sockets/plain] { tls: true } } }"),
            "w.textproto:3:57: clusters[0].transport_socket.config.tls: Plain has no field "
            "\"tls\"\n");
}

}  // namespace
}  // namespace weir::extensions::transport_sockets::plain
