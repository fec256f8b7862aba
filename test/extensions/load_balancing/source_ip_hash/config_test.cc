#include "extensions/load_balancing/source_ip_hash/config.h"

#include <gtest/gtest.h>

#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::source_ip_hash {
namespace {

// The findings for a configuration, or the name of the balancing that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<SourceIpHashExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } load_balancing { "
                   "config { [load_balancing/source_ip_hash] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->load_balancer->name());
}

TEST(SourceIpHashConfig, TakesWhatIsInRange) {
  for (const char* fields : {"", "ipv4_prefix_length: 1 ipv6_prefix_length: 128",
                             "ipv4_prefix_length: 32 ipv6_prefix_length: 1"}) {
    EXPECT_EQ(outcome(fields), "source_ip_hash") << fields;
  }
}

TEST(SourceIpHashConfig, RefusesWhatIsNot) {
  EXPECT_EQ(outcome("ipv4_prefix_length: 33 ipv6_prefix_length: 0"),
            "w.textproto:3:21: clusters[0].load_balancing.config.ipv4_prefix_length: 33 is out of "
            "range; it must be 1 to 32\n"
            "w.textproto:3:44: clusters[0].load_balancing.config.ipv6_prefix_length: 0 is out of "
            "range; it must be 1 to 128\n");
}

}  // namespace
}  // namespace weir::extensions::load_balancing::source_ip_hash
