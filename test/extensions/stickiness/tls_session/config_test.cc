#include "extensions/stickiness/tls_session/config.h"

#include <gtest/gtest.h>

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::stickiness::tls_session {
namespace {

// The findings for a configuration, or the name of the stickiness that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<TlsSessionExtension>()).ok());
  EXPECT_TRUE(
      registry.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } stickiness { "
                   "config { [stickiness/tls_session] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->stickiness->name());
}

TEST(TlsSessionConfig, TakesATable) {
  EXPECT_EQ(outcome(""), "tls_session");
  EXPECT_EQ(outcome("table { max_entries: 5 }"), "tls_session");
}

TEST(TlsSessionConfig, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(outcome("tickets: true"),
            "w.textproto:3:1: clusters[0].stickiness.config.tickets: TlsSession has no field "
            "\"tickets\"; known: table\n");
}

}  // namespace
}  // namespace weir::extensions::stickiness::tls_session
