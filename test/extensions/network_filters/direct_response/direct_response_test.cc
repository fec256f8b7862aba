#include "extensions/network_filters/direct_response/direct_response.h"

#include "gtest/gtest.h"

#include "test/extensions/network_filters/common/filter_host.h"
#include "test/network/support.h"

namespace weir::extensions::network_filters::direct_response {
namespace {

using network::test::FilterHost;

TEST(DirectResponse, SendsTheTextAndCloses) {
  FilterHost host;
  host.use({std::make_shared<DirectResponseFilterFactory>("220 sorry\r\n")});
  FilterHost::Client& client = host.connect();
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(client.received(), "220 sorry\r\n");
  client.end();
  EXPECT_TRUE(host.until([&] { return client.closed(); }));
}

TEST(DirectResponse, NothingOnlyCloses) {
  FilterHost host;
  host.use({std::make_shared<DirectResponseFilterFactory>("")});
  FilterHost::Client& client = host.connect();
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(client.received(), "");
}

// What the client has sent before must not turn the close into a reset that costs it the answer.
TEST(DirectResponse, ArrivesThoughTheClientTalks) {
  FilterHost host;
  const std::string text = network::test::pattern(64 * 1024);
  host.use({std::make_shared<DirectResponseFilterFactory>(text)});
  FilterHost::Client& client = host.connect();
  client.send(std::string(100'000, 'x'));
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(client.received() == text);
  EXPECT_FALSE(client.closed());
  host.dispatcher.advance(std::chrono::seconds(2));  // the linger time
  EXPECT_TRUE(host.until([&] { return client.closed(); }));
}

}  // namespace
}  // namespace weir::extensions::network_filters::direct_response
