#include "extensions/stickiness/tls_session/config.h"

#include "gtest/gtest.h"

#include "test/extensions/stickiness/common/config_outcome.h"

namespace weir::extensions::stickiness::tls_session {
namespace {

std::string outcome(std::string_view fields) {
  return test::configOutcome(std::make_unique<TlsSessionExtension>(), fields);
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
