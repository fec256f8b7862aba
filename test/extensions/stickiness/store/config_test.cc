#include "extensions/stickiness/store/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/extensions/stickiness/common/config_outcome.h"
#include "test/support/child_process.h"

namespace weir::extensions::stickiness::store {
namespace {

using ::testing::HasSubstr;

std::string outcome(std::string_view fields) {
  return test::configOutcome(std::make_unique<StoreExtension>(), fields);
}

constexpr std::string_view kClient = "client_identifier { source_address { } } ";
constexpr std::string_view kRedis = "redis { address: \"127.0.0.1:6379\" } ";

TEST(StoreConfigTest, TakesWhatIsInRange) {
  for (const char* fields :
       {"", "key_prefix: \"s:\" lookup_budget { nanos: 1000000 } refresh_interval { seconds: 1 }",
        "lookup_budget { seconds: 1 } max_pending_writes: 1 max_timeouts: 1000",
        "table { ttl { seconds: 1 } max_entries: 1 }",
        "table { ttl { seconds: 10 } } refresh_interval { seconds: 10 }"}) {
    EXPECT_EQ(outcome(base::concat(kClient, kRedis, fields)), "store") << fields;
  }
  EXPECT_EQ(outcome(base::concat(kRedis,
                                 "client_identifier { cookie: \"session\" } "
                                 "client_identifier { header: \"X-User\" }")),
            "store");
  weir::test::TemporaryFolder folder;
  const std::string file = folder.write("password", "secret\n");
  for (const std::string& server :
       {std::string("address: \"unix:/run/redis.sock\" database: 15"),
        std::string("address: \"[::1]:6379\" transport_socket { config { "
                    "[transport_sockets/plain] { } } }"),
        "address: \"127.0.0.1:1\" user: \"weir\" password_file: \"" + file + "\""}) {
    EXPECT_EQ(outcome(base::concat(kClient, "redis { ", server, " }")), "store") << server;
  }
}

TEST(StoreConfigTest, RefusesWhatIsNot) {
  const std::string at = "clusters[0].stickiness.config.";
  const auto says = [&](std::string_view fields, const std::string& what) {
    EXPECT_THAT(outcome(base::concat(kClient, kRedis, fields)), HasSubstr(at + what)) << fields;
  };
  says("lookup_budget { seconds: 2 }", "lookup_budget: ");
  says("lookup_budget { }", "lookup_budget: ");
  says("refresh_interval { seconds: 3601 }", "refresh_interval: ");
  says("refresh_interval { nanos: 1000000 }", "refresh_interval: ");
  says("table { ttl { seconds: 0 } }", "table.ttl: ");
  says("max_pending_writes: 1000001", "max_pending_writes: 1000001 is out of range");
  says("max_timeouts: 1001", "max_timeouts: 1001 is out of range");
  says("client_identifier { five_tuple { } }", "client_identifier[1].five_tuple: every connection");
  says("client_identifier { }", "client_identifier[1]: names nothing");
  says("client_identifier { source_address { } }",
       "client_identifier[1]: is never reached: client_identifier[0] is the same");
  says("client_identifier { header: \"a b\" }", "client_identifier[1].header: \"a b\" cannot be");
  says(base::concat("key_prefix: \"", std::string(129, 'x'), "\""), "key_prefix: has 129 bytes");
  std::string many;
  for (int i = 0; i < 8; ++i) many += base::concat("client_identifier { cookie: \"c", i, "\" } ");
  says(many, "client_identifier[8]: there are more than 8 keys");
}

TEST(StoreConfigTest, SaysWhatIsMissing) {
  EXPECT_THAT(outcome(kRedis),
              HasSubstr("w.textproto:2:81: clusters[0].stickiness.config.client_identifier: is "
                        "required"));
  EXPECT_THAT(outcome(kClient), HasSubstr("clusters[0].stickiness.config.redis: is required"));
  EXPECT_THAT(outcome(base::concat(kClient, "redis { }")),
              HasSubstr("clusters[0].stickiness.config.redis.address: "));
}

TEST(StoreConfigTest, RefusesServersThatCannotBeReached) {
  const std::string at = "clusters[0].stickiness.config.redis.";
  const auto says = [&](std::string_view fields, const std::string& what) {
    EXPECT_THAT(outcome(base::concat(kClient, "redis { ", fields, " }")), HasSubstr(at + what))
        << fields;
  };
  weir::test::TemporaryFolder folder;
  const std::string one = "address: \"127.0.0.1:6379\" ";
  says("address: \"redis.example:6379\"", "address: ");
  says("address: \"127.0.0.1:0\"", "address: ");
  says("address: \"127.0.0.1\"", "address: ");
  says(one + "database: 65536", "database: 65536 is out of range");
  says(one + "user: \"weir\"", "user: a user needs a password");
  says(one + "password_file: \"/nonexistent/x\"", "password_file: cannot read");
  says(one + "password_file: \"" + folder.path() + "\"", "password_file: cannot read");
  says(one + "password_file: \"" + folder.write("empty", "\n") + "\"", "password_file: ");
  says(one + "password_file: \"" + folder.write("huge", std::string(4098, 'x')) + "\"",
       "password_file: ");
  says(one + "connect_timeout { seconds: 61 }", "connect_timeout: ");
  says(one + "response_timeout { nanos: 9000000 }", "response_timeout: ");
  says(one + "transport_socket { config { } }", "transport_socket");
}

}  // namespace
}  // namespace weir::extensions::stickiness::store
