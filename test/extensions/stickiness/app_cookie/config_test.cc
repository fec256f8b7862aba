#include "extensions/stickiness/app_cookie/config.h"

#include <gtest/gtest.h>

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::stickiness::app_cookie {
namespace {

// The findings for a configuration, or the name of the stickiness that it makes.
std::string outcome(std::string_view fields) {
  base::Registry registry;
  EXPECT_TRUE(registry.add(std::make_unique<AppCookieExtension>()).ok());
  EXPECT_TRUE(
      registry.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
  EXPECT_TRUE(registry.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  stats::Store store;
  config::Loader loader(registry, store);
  config::Diagnostics diagnostics;
  const auto snapshot = loader.loadText(
      base::concat("admin { address: \"127.0.0.1:1\" }\n"
                   "clusters { name: \"c\" endpoints { address: \"10.0.0.1:80\" } stickiness { "
                   "config { [stickiness/app_cookie] {\n",
                   fields, "\n} } } }"),
      "w.textproto", 1, diagnostics);
  if (snapshot == nullptr) return diagnostics.toString();
  return std::string(snapshot->clusters.at(0)->stickiness->name());
}

TEST(AppCookieConfig, TakesAName) {
  for (const char* fields :
       {"name: \"JSESSIONID\"", "name: \"s\" max_id_bytes: 4096 learn_from_requests: true"}) {
    EXPECT_EQ(outcome(fields), "app_cookie") << fields;
  }
}

TEST(AppCookieConfig, RefusesWhatIsNoName) {
  EXPECT_EQ(outcome(""),
            "w.textproto:2:81: clusters[0].stickiness.config.name: is required; name the cookie, "
            "as in name: \"JSESSIONID\"\n");
  EXPECT_EQ(outcome("name: \"a b\" max_id_bytes: 4097"),
            "w.textproto:3:7: clusters[0].stickiness.config.name: is not a name that a cookie can "
            "have; use letters, digits and signs such as - and _, without spaces\n"
            "w.textproto:3:27: clusters[0].stickiness.config.max_id_bytes: 4097 is out of range; "
            "it must be 1 to 4096\n");
}

}  // namespace
}  // namespace weir::extensions::stickiness::app_cookie
