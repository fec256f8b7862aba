#include "extensions/stickiness/uri/config.h"

#include <gtest/gtest.h>

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::stickiness::uri {
namespace {

// The findings for a configuration, or the name of the stickiness that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<UriExtension>()).ok());
  EXPECT_TRUE(
      registry.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } stickiness { "
                   "config { [stickiness/uri] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->stickiness->name());
}

TEST(UriConfig, TakesPathOrParameter) {
  for (const char* fields :
       {"path_segments: 0", "path_segments: 64", "query_parameter: \"user\""}) {
    EXPECT_EQ(outcome(fields), "uri") << fields;
  }
}

TEST(UriConfig, RefusesNeitherBothAndTooMany) {
  EXPECT_EQ(
      outcome(""),
      "w.textproto:2:81: clusters[0].stickiness.config: says neither how many segments of the path "
      "count nor which parameter; add path_segments: 1, or query_parameter: \"user\"\n");
  EXPECT_EQ(outcome("path_segments: 65"),
            "w.textproto:3:16: clusters[0].stickiness.config.path_segments: 65 is out of range; it "
            "must be 0 to 64\n");
  EXPECT_EQ(outcome("query_parameter: \"\""),
            "w.textproto:3:18: clusters[0].stickiness.config.query_parameter: is required; name "
            "the parameter, as in query_parameter: \"user\"\n");
  EXPECT_EQ(outcome("path_segments: 1 query_parameter: \"a\""),
            "w.textproto:3:18: clusters[0].stickiness.config.query_parameter: cannot stand beside "
            "\"path_segments\"; give only one of them\n");
}

}  // namespace
}  // namespace weir::extensions::stickiness::uri
