#include "extensions/load_balancing/prequal/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::prequal {
namespace {

// The findings for a configuration, or the name of the balancing that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<PrequalExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } load_balancing { "
                   "config { [load_balancing/prequal] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->load_balancer->name());
}

TEST(PrequalConfig, TakesWhatIsInRange) {
  for (const char* fields :
       {"", "probes_per_request: 0.01 removals_per_request: 0 pool_size: 2 hot_quantile: 0",
        "probes_per_request: 16 removals_per_request: 16 pool_size: 64 hot_quantile: 1",
        "max_probe_age { nanos: 10000000 } accumulation: 0.01 observation_window { seconds: 3600 }",
        "probing { disabled: true }",
        "probing { path: \"/load?x=1\" host: \"shop.example:80\" timeout { seconds: 1 } "
        "max_in_flight: 1024 max_per_second: 1000000 }"}) {
    EXPECT_EQ(outcome(fields), "prequal") << fields;
  }
}

TEST(PrequalConfig, RefusesWhatIsNot) {
  const std::string at = "clusters[0].load_balancing.config.";
  const auto says = [&](const char* fields, const std::string& what) {
    EXPECT_THAT(outcome(fields), ::testing::HasSubstr(at + what)) << fields;
  };
  says("probes_per_request: 0", "probes_per_request: 0 is out of range; it must be 0.01 to 16");
  says("probes_per_request: nan", "probes_per_request: expected a number, found nan");
  says("removals_per_request: -1", "removals_per_request: -1 is out of range; it must be 0 to 16");
  says("hot_quantile: 1.01", "hot_quantile: 1.01 is out of range; it must be 0 to 1");
  says("accumulation: 17", "accumulation: 17 is out of range; it must be 0.01 to 16");
  says("pool_size: 1", "pool_size: 1 is out of range; it must be 2 to 64");
  says("pool_size: 65", "pool_size: 65 is out of range");
  says("max_probe_age { nanos: 1000000 }", "max_probe_age: ");
  says("observation_window { seconds: 3601 }", "observation_window: ");
  says("probing { path: \"load\" }", "probing.path: is not a path; it must begin with ");
  says("probing { path: \"/a b\" }", "probing.path: is not a path");
  says("probing { path: \"/a\\r\\nx: y\" }", "probing.path: is not a path");
  says("probing { host: \"a/b\" }", "probing.host: is not a host");
  says("probing { host: \"a\\nb\" }", "probing.host: is not a host");
  says("probing { timeout { seconds: 11 } }", "probing.timeout: ");
  says("probing { max_in_flight: 1025 }", "probing.max_in_flight: 1025 is out of range");
  says("probing { max_per_second: 1000001 }", "probing.max_per_second: 1000001 is out of range");
}

}  // namespace
}  // namespace weir::extensions::load_balancing::prequal
