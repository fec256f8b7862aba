#include "extensions/load_balancing/least_time/config.h"

#include <gtest/gtest.h>

#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::load_balancing::least_time {
namespace {

// The findings for a configuration, or the name of the balancing that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<LeastTimeExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } load_balancing { "
                   "config { [load_balancing/least_time] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->load_balancer->name());
}

TEST(LeastTimeConfig, TakesWhatIsInRange) {
  for (const char* fields :
       {"", "half_life { seconds: 3600 } failure_factor: 1000 choices: 16 full_scan_size: 1024",
        "half_life { nanos: 10000000 } failure_factor: 1 choices: 2 full_scan_size: 0"}) {
    EXPECT_EQ(outcome(fields), "least_time") << fields;
  }
}

TEST(LeastTimeConfig, RefusesWhatIsNot) {
  const std::string findings = outcome(
      "half_life { nanos: 9000000 }\nfailure_factor: 1001\nchoices: 1\nfull_scan_size: 1025");
  const std::string at = "clusters[0].load_balancing.config.";
  EXPECT_EQ(findings,
            base::concat("w.textproto:3:1: ", at,
                         "half_life: 9 ms is out of range; it must be 10 ms to 1 h\n"
                         "w.textproto:4:17: ",
                         at,
                         "failure_factor: 1001 is out of range; it must be 1 to 1000\n"
                         "w.textproto:5:10: ",
                         at,
                         "choices: 1 is out of range; it must be 2 to 16\n"
                         "w.textproto:6:17: ",
                         at, "full_scan_size: 1025 is out of range; it must be 0 to 1024\n"));
}

}  // namespace
}  // namespace weir::extensions::load_balancing::least_time
