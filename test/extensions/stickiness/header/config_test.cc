#include "extensions/stickiness/header/config.h"

#include <gtest/gtest.h>

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::stickiness::header {
namespace {

// The findings for a configuration, or the name of the stickiness that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<HeaderExtension>()).ok());
  EXPECT_TRUE(
      registry.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } stickiness { "
                   "config { [stickiness/header] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->stickiness->name());
}

TEST(HeaderConfig, TakesNames) {
  for (const char* fields : {"request_header: \"X-Session\"",
                             "request_header: \"a\" response_header: \"b\" max_id_bytes: 1"}) {
    EXPECT_EQ(outcome(fields), "header") << fields;
  }
}

TEST(HeaderConfig, RefusesWhatIsNoName) {
  EXPECT_EQ(outcome(""),
            "w.textproto:2:81: clusters[0].stickiness.config.request_header: is required; name the "
            "header, as in \"x-session\"\n");
  EXPECT_EQ(outcome("request_header: \"a:\" response_header: \"b c\" max_id_bytes: 5000"),
            "w.textproto:3:17: clusters[0].stickiness.config.request_header: is not a header's "
            "name; use letters, digits and signs such as -, without spaces or colon\n"
            "w.textproto:3:39: clusters[0].stickiness.config.response_header: is not a header's "
            "name; use letters, digits and signs such as -, without spaces or colon\n"
            "w.textproto:3:59: clusters[0].stickiness.config.max_id_bytes: 5000 is out of range; "
            "it must be 1 to 4096\n");
}

}  // namespace
}  // namespace weir::extensions::stickiness::header
