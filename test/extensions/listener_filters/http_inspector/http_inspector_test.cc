#include "extensions/listener_filters/http_inspector/http_inspector.h"

#include <memory>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::extensions::listener_filters::http_inspector {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Step = network::ListenerFilter::Step;
using Protocol = network::ConnectionInfo::Protocol;

class HttpInspectorTest : public ::testing::Test {
 protected:
  HttpInspectorTest() {
    services_.put(store_);
    services_.put(store_.block(1));
    worker_ = factory_.bind(services_);
    start();
  }
  // A new connection.
  void start() {
    filter_ = worker_->create();
    connection_.info = std::make_unique<network::ConnectionInfo>();
  }
  Step inspect(std::string_view bytes, bool ended = false) {
    size_t consume = 0;
    const Step step = filter_->inspect(bytes, ended, connection_, consume);
    EXPECT_EQ(consume, 0u);
    return step;
  }
  network::ConnectionInfo& info() { return *connection_.info; }
  int64_t found(const std::string& what) {
    return store_.valueOf("http_inspector_connections_total",
                          {{"listener", "edge"}, {"found", what}});
  }

  stats::Store store_;
  base::ServiceMap services_;
  HttpInspectorFactory factory_{{.listener = "edge", .timeout = std::chrono::milliseconds(500)}};
  std::unique_ptr<network::WorkerListenerFilterFactory> worker_;
  std::unique_ptr<network::ListenerFilter> filter_;
  network::InspectedConnection connection_;
};

TEST_F(HttpInspectorTest, FindsHttp) {
  EXPECT_EQ(inspect("GET / HT"), Step::kNeedMore);
  EXPECT_EQ(inspect("GET / HTTP/1.1\r\n"), Step::kContinue);
  EXPECT_THAT(info().application_protocols, ElementsAre("http/1.1"));
  start();
  EXPECT_EQ(inspect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Step::kContinue);
  EXPECT_THAT(info().application_protocols, ElementsAre("h2c"));
  EXPECT_EQ(found("http/1.1"), 1);
  EXPECT_EQ(found("h2c"), 1);
  EXPECT_EQ(info().protocol, Protocol::kUnknown) << "nobody looked for TLS";
}

TEST_F(HttpInspectorTest, WhatIsNotHttpGoesOn) {
  EXPECT_EQ(inspect("SSH-2.0-OpenSSH_9.2\r\n"), Step::kContinue);
  EXPECT_THAT(info().application_protocols, IsEmpty());
  start();
  EXPECT_EQ(inspect("GET / HT", true), Step::kContinue) << "nothing more comes";
  start();
  EXPECT_EQ(inspect("", true), Step::kContinue);
  EXPECT_EQ(found("other"), 3);
}

TEST_F(HttpInspectorTest, LeavesTlsAlone) {
  info().protocol = Protocol::kTls;
  info().application_protocols = {"h2"};
  EXPECT_EQ(filter_->maxBytes(connection_), 0u) << "it does not wait for bytes";
  EXPECT_EQ(inspect(""), Step::kContinue);
  EXPECT_THAT(info().application_protocols, ElementsAre("h2"));
  EXPECT_EQ(found("other"), 0);
}

TEST_F(HttpInspectorTest, ServersThatSpeakFirstGetTheirTurn) {
  EXPECT_EQ(filter_->timeout().count(), 500);
  EXPECT_EQ(filter_->onTimeout(connection_), Step::kContinue);
  EXPECT_THAT(info().application_protocols, IsEmpty());
  EXPECT_EQ(store_.valueOf("http_inspector_timeouts_total", {{"listener", "edge"}}), 1);
}

}  // namespace
}  // namespace weir::extensions::listener_filters::http_inspector
