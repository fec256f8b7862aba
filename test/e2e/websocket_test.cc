// A real WebSocket client and a real WebSocket server with Weir between them.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

class WebSocketTest : public ::testing::Test {
 protected:
  std::string serverAddress() {
    EXPECT_TRUE(server_.waitForOutput("\n")) << server_.err();
    const std::string line = server_.out();
    return "127.0.0.1:" + std::to_string(std::atoi(line.c_str() + line.find(' ') + 1));
  }

  test::Finished talk(test::WeirProcess& weir) {
    return test::runToEnd({"python3", test::dataFile("test/e2e/websocket_client.py"),
                           "ws://127.0.0.1:" + std::to_string(weir.port("edge")) + "/chat"});
  }

  test::ChildProcess server_{{"python3", test::dataFile("test/e2e/websocket_server.py")}};
};

TEST_F(WebSocketTest, MessagesPassBothWaysAndTheCloseIsClean) {
  test::WeirProcess weir(test::edgeListener() + test::cluster("origin", {serverAddress()}) +
                         test::runtime());
  const test::Finished client = talk(weir);
  EXPECT_EQ(client.code, 0) << client.err << weir.process().err();
  EXPECT_EQ(client.out, "OK\n");
  EXPECT_EQ(weir.stat("cluster_requests_total"), 2);
  EXPECT_TRUE(test::eventually([&] { return weir.stat("cluster_active_connections") == 0; }));
}

TEST_F(WebSocketTest, IsRefusedWhereUpgradesAreOff) {
  test::WeirProcess weir(test::edgeListener("upgrades: \"-\"") +
                         test::cluster("origin", {serverAddress()}) + test::runtime());
  const test::Finished client = talk(weir);
  EXPECT_NE(client.code, 0);
  EXPECT_THAT(client.err, HasSubstr("InvalidStatusCode"));
}

}  // namespace
}  // namespace weir
