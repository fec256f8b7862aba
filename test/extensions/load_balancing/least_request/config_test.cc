#include "extensions/load_balancing/least_request/config.h"

#include <gtest/gtest.h>

#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::least_request {
namespace {

// The findings for a configuration, or the name of the balancing that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<LeastRequestExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } load_balancing { "
                   "config { [load_balancing/least_request] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->load_balancer->name());
}

TEST(LeastRequestConfig, TakesWhatIsInRange) {
  for (const char* fields :
       {"", "choices: 0", "choices: 2 full_scan_size: 0", "choices: 16 full_scan_size: 1024"}) {
    EXPECT_EQ(outcome(fields), "least_request") << fields;
  }
}

TEST(LeastRequestConfig, RefusesWhatIsNot) {
  EXPECT_EQ(
      outcome("choices: 1 full_scan_size: 1025"),
      "w.textproto:3:10: clusters[0].load_balancing.config.choices: 1 is out of range; it must "
      "be 2 to 16\n"
      "w.textproto:3:28: clusters[0].load_balancing.config.full_scan_size: 1025 is out of "
      "range; it must be 0 to 1024\n");
  EXPECT_EQ(outcome("choices: 17"),
            "w.textproto:3:10: clusters[0].load_balancing.config.choices: 17 is out of range; it "
            "must be 2 to 16\n");
}

}  // namespace
}  // namespace weir::extensions::load_balancing::least_request
