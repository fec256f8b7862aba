// In the steady state a call of a filter costs no allocation on the workers.

#include <string>
#include <vector>

#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"

#include "test/integration/call_out_filter.h"
#include "test/support/allocation_counter.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::RawConnection;
using test::ScriptedOrigin;

// The filter's message is known by its name only when somebody has it linked.
const google::protobuf::StringValue kLinked;

constexpr int kConnections = 8;
constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\norigin";
constexpr char kRequest[] =
    "GET / HTTP/1.1\r\nHost: a\r\nx-call-cluster: callee\r\nx-call-method: POST\r\n"
    "x-call-body: hello\r\nx-call-mode: pass\r\n\r\n";

void exchange(std::vector<RawConnection>& clients, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    for (RawConnection& client : clients) ASSERT_TRUE(client.send(kRequest));
    for (RawConnection& client : clients) ASSERT_EQ(client.readMessage().body, "origin");
  }
}

TEST(HttpCallsAllocation, NoneInTheSteadyState) {
  if (!test::AllocationCounter::available()) GTEST_SKIP() << "the sanitizer allocates";
  ScriptedOrigin origin(ScriptedOrigin::answering(kOk));
  ScriptedOrigin callee(ScriptedOrigin::answering(kOk));
  test::InProcessProxy proxy(
      test::edgeListener("http_filters { config { [http_filters/call_out] {} } }") +
          test::cluster("origin", {origin.address()}) +
          test::cluster("callee", {callee.address()}) + test::runtime(),
      test::CallOutExtension::add);
  std::vector<RawConnection> clients;
  for (int i = 0; i < kConnections; ++i) {
    clients.push_back(RawConnection::connectTo(proxy.port("edge")));
  }
  exchange(clients, 60);
  const test::AllocationCounter counter("weir-");
  exchange(clients, 200);
  EXPECT_EQ(counter.count(), 0u) << "in " << 200 * kConnections << " calls";
  if (counter.count() > 0) counter.printStacks();
}

}  // namespace
}  // namespace weir
