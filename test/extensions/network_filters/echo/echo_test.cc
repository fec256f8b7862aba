#include "extensions/network_filters/echo/echo.h"

#include "gtest/gtest.h"

#include "test/extensions/network_filters/common/filter_host.h"
#include "test/network/support.h"

namespace weir::extensions::network_filters::echo {
namespace {

using network::test::FilterHost;

class EchoTest : public testing::Test {
 protected:
  EchoTest() { host_.use({std::make_shared<EchoFilterFactory>()}); }
  FilterHost host_;
};

TEST_F(EchoTest, SendsBackWhatComesUntilTheEnd) {
  FilterHost::Client& client = host_.connect();
  client.send("one");
  EXPECT_TRUE(client.receives(3));
  client.send(", two");
  EXPECT_TRUE(client.receives(8));
  client.end();
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(client.received(), "one, two");
  EXPECT_TRUE(client.closed());
}

TEST_F(EchoTest, AnEndWithoutBytes) {
  FilterHost::Client& client = host_.connect();
  client.end();
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(client.closed());
}

TEST_F(EchoTest, AReset) {
  FilterHost::Client& client = host_.connect();
  client.send("x");
  client.reset();
  EXPECT_TRUE(host_.until([&] { return client.closed(); }));
}

TEST_F(EchoTest, ReadsNoMoreThanTheClientDoes) {
  FilterHost::Client& client = host_.connect();
  const std::string sent = network::test::pattern(32 << 20);
  size_t taken = 0;
  size_t most = 0;
  // Until nothing more is taken: the client has not read a byte yet.
  for (int idle = 0; idle < 50;) {
    const size_t now =
        network::test::fillSocket(client.fd(), std::string_view(sent).substr(taken, 256 * 1024));
    taken += now;
    idle = now == 0 ? idle + 1 : 0;
    host_.run();
    most = std::max(most, host_.io.bytesInUse());
  }
  EXPECT_LT(taken, sent.size());
  EXPECT_LT(most, 1u << 20);
  EXPECT_TRUE(client.receives(taken));
  EXPECT_TRUE(client.received() == sent.substr(0, taken));
}

}  // namespace
}  // namespace weir::extensions::network_filters::echo
